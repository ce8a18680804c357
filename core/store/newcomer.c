/* The checks of the start, said as warnings. */
#include "store/newcomer.h"

#include <string.h>

#include "store/session.h"

#define CLIENTS_NEEDED 1u

enum fs_durability fs_newcomer_check(const struct fs_node *node, bool is_replica,
                                     uint64_t timeout_us, struct fs_log *log)
{
    const char *what = is_replica ? "a replica that may be promoted" : "a new primary";
    struct fs_check_facts facts;
    redisContext *session = NULL;
    struct fs_error error = {.text = ""};
    int rc = fs_session_open(node, timeout_us, &session, &error);

    if (rc == 0) {
        rc = fs_check_ask(node, session, &facts, &error);
        fs_session_close(session);
    }
    if (rc != 0) {
        fs_log_warning(log, "store", "%s: %s", what, error.text);
        return 0;
    }
    memcpy(facts.role, "master", sizeof("master")); /* it is to be judged as one */
    facts.may_run_scripts = facts.may_run_scripts || is_replica;
    if (fs_check_judge(&facts, node->name, CLIENTS_NEEDED, &error) != 0)
        fs_log_warning(log, "store", "%s: %s", what, error.text);
    return fs_check_durability(&facts);
}
