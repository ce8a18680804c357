/* Prints microseconds of CPU per verification and log-in.  Not a test: nothing is asserted. */
#include "auth/auth.h"
#include "auth/token.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "fixture.h"

#define BUYERS 10000u

static double cpu_us_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void report(const char *what, double from_us, unsigned count)
{
    printf("%-44s %9.3f us\n", what, (cpu_us_now() - from_us) / count);
}

static char *log_in(struct fs_auth *auth, unsigned buyer)
{
    char name[32];
    struct fs_login login = {.password = FS_TEXT("password123"), .address = FS_TEXT("127.0.0.1")};

    snprintf(name, sizeof(name), "user_%u", buyer);
    login.username = fs_text_of(name);
    if (fs_login_start(auth, &login) != 0 || login.result != FS_LOGIN_OK)
        errx(1, "log-in");
    return login.token;
}

static void verify(struct fs_auth *auth, struct fs_auth_cache *cache, struct fs_text token,
                   int64_t now_s)
{
    struct fs_text buyer;

    if (fs_auth_verify(auth, cache, token, now_s, &buyer) != 0)
        errx(1, "verification");
}

static void bench_demo(struct fs_fixture *fixture)
{
    struct fs_auth_options options = fs_fixture_options(fixture, FS_AUTH_OPTIONS_DEMO);
    struct fs_text *tokens = calloc(BUYERS, sizeof(*tokens));
    struct fs_auth_cache *cache, *none;
    int64_t now_s = fs_clock_wall_ms() / 1000;
    struct fs_auth *auth;
    double from_us;

    if (!tokens || fs_auth_create(&options, &fixture->log, &auth, fixture->error) != 0 ||
        fs_auth_cache_create(auth, 16384, &cache) != 0 || fs_auth_cache_create(auth, 0, &none) != 0)
        errx(1, "%s", fixture->error);
    from_us = cpu_us_now();
    for (unsigned i = 0; i < BUYERS; i++)
        tokens[i] = fs_text_of(log_in(auth, i));
    report("demo log-in, with its token", from_us, BUYERS);
    printf("%-44s %9zu bytes\n", "a token", tokens[BUYERS - 1].len);
    from_us = cpu_us_now();
    for (unsigned i = 0; i < BUYERS; i++)
        verify(auth, none, tokens[i], now_s);
    report("verify HS256, not cached", from_us, BUYERS);
    from_us = cpu_us_now();
    for (unsigned i = 0; i < BUYERS; i++)
        verify(auth, cache, tokens[i], now_s);
    report("verify HS256, put into the cache", from_us, BUYERS);
    from_us = cpu_us_now();
    for (unsigned i = 0; i < 100 * BUYERS; i++)
        verify(auth, cache, tokens[i % BUYERS], now_s);
    report("verify, cached, 10,000 buyers in turn", from_us, 100 * BUYERS);
    from_us = cpu_us_now();
    for (unsigned i = 0; i < 100 * BUYERS; i++)
        verify(auth, cache, tokens[i % 64], now_s);
    report("verify, cached, 64 buyers in turn", from_us, 100 * BUYERS);
    for (unsigned i = 0; i < BUYERS; i++)
        free((char *)tokens[i].data);
    free(tokens);
    fs_auth_cache_destroy(cache);
    fs_auth_cache_destroy(none);
    fs_auth_destroy(auth);
}

static void bench_making(void)
{
    struct fs_key key = {(char *)"0123456789abcdef0123456789abcdef0123456789abcdef0123", 52, NULL};
    double from_us = cpu_us_now();

    for (unsigned i = 0; i < BUYERS; i++) {
        char *token = NULL;

        if (fs_token_make(&key, FS_TEXT("user_10000"), 1800000000, 1800003600, &token) != 0)
            errx(1, "token");
        free(token);
    }
    report("make a token", from_us, BUYERS);
}

static void bench_foreign(unsigned algorithm, const char *header, EVP_PKEY *pkey, const char *what)
{
    struct fs_key_set keys = {.count = 1,
                              .keys = {{.key = {NULL, 0, pkey}, .algorithms = algorithm}}};
    struct fs_token_rules rules = {
        .algorithms = algorithm, .keys = &keys, .issuer = "", .audience = "", .buyer_claim = "sub"};
    char *token = fs_fixture_sign_pkey(header, "{\"sub\":\"user_1\",\"exp\":1800003600}", pkey);
    struct fs_token_claims claims;
    double from_us = cpu_us_now();

    for (unsigned i = 0; i < 2000; i++)
        if (fs_token_verify(&rules, fs_text_of(token), 1800000000, &claims) != 0)
            errx(1, "%s", what);
    report(what, from_us, 2000);
    free(token);
    EVP_PKEY_free(pkey);
}

int main(void)
{
    struct fs_fixture fixture;

    fs_fixture_open(&fixture);
    bench_demo(&fixture);
    bench_making();
    bench_foreign(FS_AUTH_RS256, "{\"alg\":\"RS256\"}", fs_fixture_make_rsa(2048),
                  "verify RS256, not cached");
    bench_foreign(FS_AUTH_ES256, "{\"alg\":\"ES256\"}", fs_fixture_make_ec("P-256"),
                  "verify ES256, not cached");
    fs_fixture_close(&fixture);
    return 0;
}
