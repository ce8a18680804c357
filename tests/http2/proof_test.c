/* server/http2_proof with the guard that is linked: the real one passes it.
 *
 * Built a second time with a guard that does nothing, as with an h2o that it does not fit: then the
 * proof has to say so, or it would be none. */
#include "server/http2_proof.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "support/suite.h"

#ifdef WITHOUT_GUARD
#include "http/frame_guard.h"

void fs_frame_guard_open(struct fs_frame_guard *guard, struct st_h2o_http2_conn_t *conn)
{
    guard->conn = conn;
}

static void a_guard_that_is_not_there_is_found_out(void)
{
    char error[FS_HTTP2_PROOF_ERROR_SIZE] = "";

    FS_CHECK_INT(fs_http2_prove(error), -EPROTO);
    FS_CHECK_CONTAINS(error, "not in effect");
    FS_CHECK_CONTAINS(error, "a header table of one byte");
}

#define TESTS(T) T(a_guard_that_is_not_there_is_found_out)
#else
static void the_guard_is_in_effect(void)
{
    char error[FS_HTTP2_PROOF_ERROR_SIZE] = "";

    FS_CHECK_INT(fs_http2_prove(error), 0);
    FS_CHECK_STR(error, "");
}

static unsigned descriptor_count(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

/* A leak of memory is the sanitizer's to find. */
static void it_leaves_nothing_open(void)
{
    char error[FS_HTTP2_PROOF_ERROR_SIZE];
    unsigned before;

    FS_CHECK_INT(fs_http2_prove(error), 0);
    before = descriptor_count();
    for (int i = 0; i < 10; i++)
        FS_CHECK_INT(fs_http2_prove(error), 0);
    FS_CHECK_INT(descriptor_count(), before);
}

#define TESTS(T) T(the_guard_is_in_effect) T(it_leaves_nothing_open)
#endif

FS_SUITE("http2/proof", TESTS)
