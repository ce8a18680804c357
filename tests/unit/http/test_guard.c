/* http/guard and http/catalogue: who is counted, and which products fit an order. */
#include "http/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/limits.h"
#include "http/access_log.h"
#include "http/catalogue.h"
#include "purchase/purchase.h"
#include "support/random.h"
#include "support/suite.h"

static struct sockaddr_storage peer_of(const char *text)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *in = (void *)&peer;
    struct sockaddr_in6 *in6 = (void *)&peer;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
        peer.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
        peer.ss_family = AF_INET6;
    else
        peer.ss_family = AF_UNIX;
    return peer;
}

static void the_limit_in_all_holds_and_admin_has_its_own(void)
{
    struct sockaddr_storage a = peer_of("192.0.2.1"), b = peer_of("unix");
    struct fs_guard guard;

    fs_guard_init(&guard);
    FS_CHECK(fs_guard_admit(&guard, &a, false, 2, 0));
    FS_CHECK(fs_guard_admit(&guard, &b, false, 2, 0));
    FS_CHECK(!fs_guard_admit(&guard, &a, false, 2, 0));
    FS_CHECK(fs_guard_admit(&guard, &a, true, 2, 1));
    fs_guard_leave(&guard, &b, false);
    FS_CHECK(fs_guard_admit(&guard, &a, false, 2, 0));
    fs_guard_leave(&guard, &a, false);
    fs_guard_leave(&guard, &a, false);
    for (unsigned i = 1; i < FS_ADMIN_CONNECTIONS_MAX; i++)
        FS_CHECK(fs_guard_admit(&guard, &b, true, FS_ADMIN_CONNECTIONS_MAX, 0));
    FS_CHECK(!fs_guard_admit(&guard, &b, true, FS_ADMIN_CONNECTIONS_MAX, 0));
    for (unsigned i = 0; i < FS_ADMIN_CONNECTIONS_MAX; i++)
        fs_guard_leave(&guard, &b, true);
    fs_guard_dispose(&guard);
}

static void the_limit_of_an_address_is_its_own(void)
{
    struct sockaddr_storage a = peer_of("192.0.2.1"), b = peer_of("192.0.2.2");
    struct fs_guard guard;

    fs_guard_init(&guard);
    FS_CHECK(fs_guard_admit(&guard, &a, false, 100, 1));
    FS_CHECK(!fs_guard_admit(&guard, &a, false, 100, 1));
    FS_CHECK(fs_guard_admit(&guard, &b, false, 100, 1));
    fs_guard_leave(&guard, &a, false);
    FS_CHECK(fs_guard_admit(&guard, &a, false, 100, 1));
    fs_guard_leave(&guard, &a, false);
    fs_guard_leave(&guard, &b, false);
    fs_guard_dispose(&guard);
}

static bool same(const char *a, const char *b)
{
    struct sockaddr_storage left = peer_of(a), right = peer_of(b);
    struct fs_guard_key left_key = fs_guard_key(&left), right_key = fs_guard_key(&right);

    return memcmp(&left_key, &right_key, sizeof(left_key)) == 0;
}

static void an_ipv6_network_counts_as_one_address(void)
{
    struct sockaddr_storage unix_peer = peer_of("unix");

    FS_CHECK(same("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
    FS_CHECK(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
    FS_CHECK(same("192.0.2.1", "::ffff:192.0.2.1"));
    FS_CHECK(!same("192.0.2.1", "::ffff:192.0.2.2"));
    FS_CHECK(!fs_guard_key(&unix_peer).is_limited);
}

/* Against plain counters: 20,000 comings and goings of 300 addresses. */
static void the_counts_are_right_whoever_comes_and_goes(void)
{
    enum { ADDRESSES = 300, MAX = 3 };
    struct fs_random random = fs_random_start();
    unsigned counts[ADDRESSES] = {0};
    struct sockaddr_storage peers[ADDRESSES];
    struct fs_guard guard;
    unsigned total = 0;

    fs_guard_init(&guard);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        char text[40];

        if (i % 2)
            snprintf(text, sizeof(text), "10.0.%u.%u", i / 200, i % 200);
        else
            snprintf(text, sizeof(text), "2001:db8:0:%x::1", i);
        peers[i] = peer_of(text);
    }
    for (unsigned round = 0; round < 20000; round++) {
        unsigned i = (unsigned)(fs_random_u64(&random) % ADDRESSES);

        if (fs_random_u64(&random) % 2) {
            bool admitted = fs_guard_admit(&guard, &peers[i], false, 400, MAX);

            FS_CHECK(admitted == (counts[i] < MAX && total < 400));
            counts[i] += admitted;
            total += admitted;
        } else if (counts[i] > 0) {
            fs_guard_leave(&guard, &peers[i], false);
            counts[i]--;
            total--;
        }
        FS_CHECK_INT(guard.connection_count, total);
    }
    for (unsigned i = 0; i < ADDRESSES; i++)
        while (counts[i]-- > 0)
            fs_guard_leave(&guard, &peers[i], false);
    fs_guard_dispose(&guard);
}

static void a_peer_is_shown_without_its_port(void)
{
    const struct {
        const char *peer, *shown;
    } rows[] = {{"192.0.2.1", "192.0.2.1"}, {"2001:db8::1", "2001:db8::1"}, {"unix", "unix"}};
    char data[64];
    struct fs_buffer buffer;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockaddr_storage peer = peer_of(rows[i].peer);

        buffer = fs_buffer_of(data, sizeof(data));
        fs_peer_text(&peer, &buffer);
        FS_CHECK_TEXT(buffer.data, buffer.len, rows[i].shown);
    }
    buffer = fs_buffer_of(data, sizeof(data));
    fs_peer_text(NULL, &buffer);
    FS_CHECK_TEXT(buffer.data, buffer.len, "-");
}

static void an_order_finds_its_product_among_a_thousand(void)
{
    struct fs_order_namer *namer;
    struct fs_catalogue *catalogue;

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    FS_REQUIRE(fs_catalogue_create(NULL, &catalogue) == 0);
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < FS_PRODUCTS_MAX + 5; i++) {
            char name[16];

            fs_catalogue_add(
                catalogue, (struct fs_text){name, (size_t)snprintf(name, sizeof(name), "p%u", i)});
        }
    for (unsigned i = 0; i < FS_PRODUCTS_MAX; i += 37) {
        struct fs_order_id id;
        char name[16];
        struct fs_text product = {name, (size_t)snprintf(name, sizeof(name), "p%u", i)};
        struct fs_text id_text = {id.text, FS_ORDER_ID_LEN};
        size_t next = 0;
        struct fs_text found;

        FS_REQUIRE(fs_order_name(namer, FS_TEXT("b"), FS_TEXT("k"), product, &id) == 0);
        do
            found = fs_catalogue_candidate(catalogue, id_text, &next);
        while (found.data && !fs_text_equals(found, product));
        FS_CHECK(fs_text_equals(found, product));
    }
    fs_catalogue_destroy(catalogue);
    fs_order_namer_destroy(namer);
}

static void a_product_that_is_not_known_has_no_candidate(void)
{
    struct fs_order_namer *namer;
    struct fs_catalogue *catalogue;
    struct fs_order_id id;
    struct fs_text found;
    size_t next = 0;

    FS_REQUIRE(fs_order_namer_create(&namer) == 0);
    FS_REQUIRE(fs_catalogue_create(NULL, &catalogue) == 0);
    FS_REQUIRE(fs_order_name(namer, FS_TEXT("b"), FS_TEXT("k"), FS_TEXT("1"), &id) == 0);
    FS_CHECK(!fs_catalogue_candidate(catalogue, (struct fs_text){id.text, 32}, &next).data);
    fs_catalogue_add(catalogue, FS_TEXT("2"));
    FS_CHECK(!fs_catalogue_candidate(catalogue, (struct fs_text){id.text, 32}, &next).data);
    fs_catalogue_add(catalogue, FS_TEXT("1"));
    found = fs_catalogue_candidate(catalogue, (struct fs_text){id.text, 32}, &next);
    FS_CHECK_TEXT(found.data, found.len, "1");
    FS_CHECK_INT(next, 2);
    fs_catalogue_destroy(catalogue);
    fs_order_namer_destroy(namer);
}

#define TESTS(T)                                    \
    T(the_limit_in_all_holds_and_admin_has_its_own) \
    T(the_limit_of_an_address_is_its_own)           \
    T(an_ipv6_network_counts_as_one_address)        \
    T(the_counts_are_right_whoever_comes_and_goes)  \
    T(a_peer_is_shown_without_its_port)             \
    T(an_order_finds_its_product_among_a_thousand)  \
    T(a_product_that_is_not_known_has_no_candidate)
FS_SUITE("http/guard", TESTS)
