/* http/router: what finds a route, what does not, and what Allow says. */
#include "http/routes.h"
#include "support/suite.h"

static const struct fs_text host_main = {"main", 4};
static const struct fs_text host_admin = {"admin", 5};

static enum fs_route_result find(struct fs_text host, const char *method, const char *path,
                                 struct fs_route_match *match)
{
    bool is_main = fs_text_equals(host, host_main);

    return fs_router_find(is_main ? fs_main_routes : fs_admin_routes,
                          is_main ? fs_main_route_count : fs_admin_route_count, fs_text_of(method),
                          fs_text_of(path), match);
}

static void each_address_of_the_contract_has_its_function(void)
{
    const struct {
        struct fs_text host;
        const char *method, *path, *id;
        void (*serve)(struct fs_exchange *);
        enum fs_endpoint endpoint;
    } rows[] = {
        {host_main, "POST", "/login", "", fs_serve_login, FS_ENDPOINT_LOGIN},
        {host_main, "GET", "/inventory/7", "7", fs_serve_inventory, FS_ENDPOINT_INVENTORY},
        {host_main, "HEAD", "/inventory/7", "7", fs_serve_inventory, FS_ENDPOINT_INVENTORY},
        {host_main, "POST", "/purchase/a-b_C", "a-b_C", fs_serve_purchase, FS_ENDPOINT_PURCHASE},
        {host_main, "GET", "/orders/x", "x", fs_serve_order, FS_ENDPOINT_ORDER},
        {host_main, "DELETE", "/orders/x", "x", fs_serve_cancel, FS_ENDPOINT_CANCEL},
        {host_main, "GET", "/openapi.json", "", fs_serve_document, FS_ENDPOINT_OTHER},
        {host_admin, "GET", "/openapi.json", "", fs_serve_document, FS_ENDPOINT_ADMIN},
        {host_admin, "GET", "/livez", "", fs_serve_livez, FS_ENDPOINT_ADMIN},
        {host_admin, "GET", "/readyz", "", fs_serve_readyz, FS_ENDPOINT_ADMIN},
        {host_admin, "GET", "/metrics", "", fs_serve_metrics, FS_ENDPOINT_ADMIN},
        {host_admin, "GET", "/admin/products", "", fs_serve_products, FS_ENDPOINT_ADMIN},
        {host_admin, "GET", "/admin/products/1", "1", fs_serve_product, FS_ENDPOINT_ADMIN},
        {host_admin, "PUT", "/admin/products/1", "1", fs_serve_product_put, FS_ENDPOINT_ADMIN},
        {host_admin, "PATCH", "/admin/products/1", "1", fs_serve_product_patch, FS_ENDPOINT_ADMIN},
        {host_admin, "GET", "/admin/products/1/audit", "1", fs_serve_audit, FS_ENDPOINT_ADMIN},
        {host_admin, "GET", "/admin/products/audit", "audit", fs_serve_product, FS_ENDPOINT_ADMIN},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fs_route_match match;

        FS_CHECK_INT(find(rows[i].host, rows[i].method, rows[i].path, &match), FS_ROUTE_FOUND);
        FS_REQUIRE(match.route != NULL);
        FS_CHECK(match.route->serve == rows[i].serve);
        FS_CHECK_INT(match.route->endpoint, rows[i].endpoint);
        FS_CHECK_TEXT(match.id.data, match.id.len, rows[i].id);
    }
}

static void a_path_that_is_not_ours_to_the_byte_matches_nothing(void)
{
    const char *paths[] = {
        "",           "/web/x",    "/login/",        "/Login",       "/loginx",
        "//login",    "/purchase", "/purchase/",     "/purchase/1/", "/purchase/1/2",
        "/inventory", "/orders/",  "/%6cogin",       "/./login",     "purchase/1",
        "*",          "/metrics",  "/admin/products"};
    struct fs_route_match match;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        FS_CHECK_INT(find(host_main, "POST", paths[i], &match), FS_ROUTE_NONE);
        FS_CHECK_INT(find(host_main, "GET", paths[i], &match), FS_ROUTE_NONE);
    }
    FS_CHECK_INT(find(host_admin, "GET", "/admin/products//audit", &match), FS_ROUTE_NONE);
    FS_CHECK_INT(find(host_admin, "GET", "/admin/products/", &match), FS_ROUTE_NONE);
    FS_CHECK_INT(find(host_admin, "POST", "/purchase/1", &match), FS_ROUTE_NONE);
}

static void an_escaped_slash_stays_in_the_id(void)
{
    struct fs_route_match match;

    FS_CHECK_INT(find(host_main, "GET", "/inventory/1%2f2", &match), FS_ROUTE_FOUND);
    FS_CHECK_TEXT(match.id.data, match.id.len, "1%2f2");
}

static void a_wrong_method_is_told_the_right_ones(void)
{
    const struct {
        struct fs_text host;
        const char *method, *path, *allow;
    } rows[] = {
        {host_main, "GET", "/purchase/1", "POST"},
        {host_main, "HEAD", "/purchase/1", "POST"},
        {host_main, "OPTIONS", "/login", "POST"},
        {host_main, "get", "/inventory/1", "GET, HEAD"},
        {host_main, "PUT", "/orders/x", "GET, HEAD, DELETE"},
        {host_main, "", "/orders/x", "GET, HEAD, DELETE"},
        {host_admin, "POST", "/admin/products/1", "GET, HEAD, PUT, PATCH, DELETE"},
        {host_admin, "POST", "/admin/products/1/audit", "GET, HEAD"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fs_route_match match;

        FS_CHECK_INT(find(rows[i].host, rows[i].method, rows[i].path, &match), FS_ROUTE_NO_METHOD);
        FS_CHECK_STR(match.allow, rows[i].allow);
    }
}

static void every_route_with_an_id_says_what_a_bad_one_is(void)
{
    for (size_t i = 0; i < fs_main_route_count; i++)
        FS_CHECK((fs_main_routes[i].suffix != NULL) == (fs_main_routes[i].unknown != 0));
    for (size_t i = 0; i < fs_admin_route_count; i++)
        FS_CHECK((fs_admin_routes[i].suffix != NULL) == (fs_admin_routes[i].unknown != 0));
}

static void all_under_admin_needs_the_token(void)
{
    for (size_t i = 0; i < fs_admin_route_count; i++)
        FS_CHECK(fs_admin_routes[i].needs_admin ==
                 (strncmp(fs_admin_routes[i].prefix, "/admin/", 7) == 0));
}

static void a_bearer_token_is_what_follows_its_scheme(void)
{
    const struct {
        const char *header, *token;
    } rows[] = {
        {"Bearer abc", "abc"}, {"bearer abc", "abc"}, {"BEARER   abc", "abc"}, {"Bearer", NULL},
        {"Bearer ", NULL},     {"Basic abc", NULL},   {"Bearerabc", NULL},     {"", NULL},
        {"abc", NULL},         {"Bearer\tabc", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fs_text token = fs_bearer_token(fs_text_of(rows[i].header));

        if (rows[i].token)
            FS_CHECK_TEXT(token.data, token.len, rows[i].token);
        else
            FS_CHECK(token.data == NULL && token.len == 0);
    }
}

static void an_idempotency_key_is_up_to_255_visible_characters(void)
{
    char longest[FS_KEY_LEN_MAX + 1];

    memset(longest, 'k', sizeof(longest));
    FS_CHECK(fs_idempotency_key_is_valid((struct fs_text){NULL, 0}));
    FS_CHECK(fs_idempotency_key_is_valid(FS_TEXT("a!~\"{}")));
    FS_CHECK(fs_idempotency_key_is_valid((struct fs_text){longest, FS_KEY_LEN_MAX}));
    FS_CHECK(!fs_idempotency_key_is_valid((struct fs_text){longest, FS_KEY_LEN_MAX + 1}));
    FS_CHECK(!fs_idempotency_key_is_valid(FS_TEXT("")));
    FS_CHECK(!fs_idempotency_key_is_valid(FS_TEXT("a b")));
    FS_CHECK(!fs_idempotency_key_is_valid(FS_TEXT("a\tb")));
    FS_CHECK(!fs_idempotency_key_is_valid(FS_TEXT("caf\xc3\xa9")));
    FS_CHECK(!fs_idempotency_key_is_valid(FS_TEXT("a\x7f")));
}

static void a_request_id_is_up_to_64_harmless_characters(void)
{
    char longest[FS_REQUEST_ID_LEN_MAX + 1];

    memset(longest, 'r', sizeof(longest));
    FS_CHECK(fs_request_id_is_valid(FS_TEXT("7c1d0e7e-93c3.4f2c_A")));
    FS_CHECK(fs_request_id_is_valid((struct fs_text){longest, FS_REQUEST_ID_LEN_MAX}));
    FS_CHECK(!fs_request_id_is_valid((struct fs_text){longest, FS_REQUEST_ID_LEN_MAX + 1}));
    FS_CHECK(!fs_request_id_is_valid(FS_TEXT("")));
    FS_CHECK(!fs_request_id_is_valid(FS_TEXT("a b")));
    FS_CHECK(!fs_request_id_is_valid(FS_TEXT("a\"b")));
    FS_CHECK(!fs_request_id_is_valid(FS_TEXT("a\r\nb")));
    FS_CHECK(!fs_request_id_is_valid(FS_TEXT("a\0b")));
    FS_CHECK(!fs_request_id_is_valid(FS_TEXT("\xff")));
}

#define TESTS(T)                                           \
    T(each_address_of_the_contract_has_its_function)       \
    T(a_path_that_is_not_ours_to_the_byte_matches_nothing) \
    T(an_escaped_slash_stays_in_the_id)                    \
    T(a_wrong_method_is_told_the_right_ones)               \
    T(every_route_with_an_id_says_what_a_bad_one_is)       \
    T(all_under_admin_needs_the_token)                     \
    T(a_bearer_token_is_what_follows_its_scheme)           \
    T(an_idempotency_key_is_up_to_255_visible_characters)  \
    T(a_request_id_is_up_to_64_harmless_characters)
FS_SUITE("http/router", TESTS)
