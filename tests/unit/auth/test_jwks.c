/* Tokens of identity providers: every algorithm, sets of keys, rotation, leeway, claims, reasons. */
#include "auth/key_set.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "auth/token.h"
#include "base/clock.h"
#include "fixture.h"
#include "signer.h"
#include "support/suite.h"

#define NOW INT64_C(1800000000)
#define GOOD "{\"sub\":\"kim\",\"exp\":1800000100}"

static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

/* A set of the keys of signers, malloc'd. */
static char *set_of(const struct fs_signer *signers, size_t count, const char *more)
{
    char *text = calloc(1, 4096 * (count + 1));
    size_t len = 0;

    len += (size_t)snprintf(text, 4096, "{\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        char *jwk = fs_signer_jwk(&signers[i], more);

        len += (size_t)snprintf(text + len, 4096, "%s%s", i ? "," : "", jwk);
        free(jwk);
    }
    snprintf(text + len, 8, "]}");
    return text;
}

static struct fs_token_rules rules_of(const struct fs_key_set *keys)
{
    return (struct fs_token_rules){.algorithms = FS_AUTH_PUBLIC_ALGORITHMS,
                                   .keys = keys,
                                   .issuer = "",
                                   .audience = "",
                                   .buyer_claim = "sub"};
}

static struct fs_key_set *read_set(const char *text, unsigned algorithms,
                                   char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_key_set *set = NULL;

    fs_key_set_read_json("keys", fs_text_of(text), algorithms, &set, error);
    return set;
}

/* token: freed. */
static int verify(const struct fs_token_rules *rules, char *token, struct fs_token_claims *claims)
{
    int rc = fs_token_verify(rules, fs_text_of(token), NOW, claims);

    free(token);
    return rc;
}

static void a_token_of_each_algorithm_verifies_with_the_key_of_its_kid_only(void)
{
    static const char *const kids[] = {"a", "b", "c", "d", "e", "f", "g"};
    struct fs_signer signers[NAME_COUNT], stranger;
    char error[FS_AUTH_ERROR_SIZE], *text;
    struct fs_token_claims claims;
    struct fs_key_set *set;

    for (size_t i = 0; i < NAME_COUNT; i++)
        fs_signer_init(&signers[i], names[i], kids[i]);
    text = set_of(signers, NAME_COUNT, "\"use\":\"sig\",");
    set = read_set(text, FS_AUTH_PUBLIC_ALGORITHMS, error);
    FS_REQUIRE(set != NULL);
    FS_CHECK_INT(set->count, NAME_COUNT);
    for (size_t i = 0; i < NAME_COUNT; i++) {
        struct fs_token_rules rules = rules_of(set);
        struct fs_signer renamed = signers[i];

        FS_CHECK_INT(verify(&rules, fs_signer_sign(&signers[i], "", GOOD), &claims), 0);
        renamed.kid = kids[(i + 1) % NAME_COUNT];
        FS_CHECK(verify(&rules, fs_signer_sign(&renamed, "", GOOD), &claims) != 0);
        renamed.kid = "unknown";
        FS_CHECK_INT(verify(&rules, fs_signer_sign(&renamed, "", GOOD), &claims), -ENOKEY);
        renamed.kid = NULL;
        FS_CHECK_INT(verify(&rules, fs_signer_sign(&renamed, "", GOOD), &claims), 0);
        fs_signer_init(&stranger, names[i], kids[i]);
        FS_CHECK_INT(verify(&rules, fs_signer_sign(&stranger, "", GOOD), &claims), -EACCES);
        FS_CHECK_STR(claims.why, "The token's signature is wrong.");
        stranger.kid = NULL;
        FS_CHECK_INT(verify(&rules, fs_signer_sign(&stranger, "", GOOD), &claims), -ENOKEY);
        fs_signer_dispose(&stranger);
        rules.algorithms &= ~fs_auth_algorithm_bit(names[i]);
        FS_CHECK_INT(verify(&rules, fs_signer_sign(&signers[i], "", GOOD), &claims), -EACCES);
        FS_CHECK_CONTAINS(claims.why, "alg");
    }
    for (size_t i = 0; i < NAME_COUNT; i++)
        fs_signer_dispose(&signers[i]);
    fs_key_set_release(set);
    free(text);
}

static void a_key_is_used_for_what_its_author_says(void)
{
    static const struct {
        const char *more;
        bool is_used;
    } cases[] = {{"", true},
                 {"\"use\":\"sig\",", true},
                 {"\"use\":\"enc\",", false},
                 {"\"key_ops\":[\"verify\"],", true},
                 {"\"key_ops\":[\"encrypt\"],", false},
                 {"\"alg\":\"RS256\",", true},
                 {"\"alg\":\"RS384\",", false},
                 {"\"alg\":\"HS256\",", false},
                 {"\"alg\":7,", false},
                 {"\"x5t\":\"whatever\",", true}};
    struct fs_signer signer;
    char error[FS_AUTH_ERROR_SIZE];

    fs_signer_init(&signer, "RS256", "a");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = set_of(&signer, 1, cases[i].more);
        struct fs_key_set *set = read_set(text, FS_AUTH_RS256, error);

        FS_CHECK_INT(set != NULL, cases[i].is_used);
        if (!set)
            FS_CHECK_CONTAINS(error, "no key that auth.jwt_algorithms can use");
        fs_key_set_release(set);
        free(text);
    }
    fs_signer_dispose(&signer);
}

static void a_damaged_set_is_refused_and_says_why(void)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {"", "line"},
        {"{", "line 1"},
        {"[]", "\"keys\""},
        {"{}", "\"keys\""},
        {"{\"keys\":{}}", "\"keys\""},
        {"{\"keys\":[]}", "no key"},
        {"{\"keys\":[1,null,\"x\",{}]}", "no key"},
        {"{\"keys\":[{\"kty\":\"RSA\"}]}", "no key"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", "no key"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}", "no key"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
         "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
         "no key"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\","
         "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
         "no key"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "a secret"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"d\":\"AQAB\"}]}", "private"},
        {"{\"keys\":[],\"keys\":[]}", "duplicate"},
    };
    char error[FS_AUTH_ERROR_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        error[0] = '\0';
        FS_CHECK(read_set(cases[i].text, FS_AUTH_PUBLIC_ALGORITHMS, error) == NULL);
        FS_CHECK_CONTAINS(error, cases[i].said);
    }
}

static void a_pem_file_may_hold_several_keys(void)
{
    struct fs_signer signers[3];
    struct fs_fixture fixture;
    struct fs_key_set *set = NULL;
    struct fs_token_claims claims;
    char all[8192] = "# keys of the shop\n";

    fs_fixture_open(&fixture);
    for (size_t i = 0; i < 3; i++) {
        char *pem;

        fs_signer_init(&signers[i], i == 2 ? "ES256" : "RS256", i == 1 ? "a-kid" : NULL);
        pem = fs_fixture_public_pem(signers[i].pkey);
        strncat(all, pem, sizeof(all) - strlen(all) - 1);
        free(pem);
    }
    fs_fixture_write_text(fixture.key_path, all, 0644);
    FS_REQUIRE(fs_key_set_load_pem(fixture.key_path, FS_AUTH_RS256 | FS_AUTH_ES256, &set,
                                   fixture.error) == 0);
    FS_CHECK_INT(set->count, 3);
    for (size_t i = 0; i < 3; i++) {
        struct fs_token_rules rules = rules_of(set);

        FS_CHECK_INT(verify(&rules, fs_signer_sign(&signers[i], "", GOOD), &claims), 0);
        fs_signer_dispose(&signers[i]);
    }
    fs_key_set_release(set);
    set = NULL;
    FS_CHECK_INT(fs_key_set_load_pem(fixture.key_path, FS_AUTH_RS256, &set, fixture.error),
                 -EINVAL);
    strncat(all, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 80);
    fs_fixture_write_text(fixture.key_path, all, 0644);
    FS_CHECK_INT(
        fs_key_set_load_pem(fixture.key_path, FS_AUTH_RS256 | FS_AUTH_ES256, &set, fixture.error),
        -EINVAL);
    FS_CHECK_CONTAINS(fixture.error, "key 4 cannot be read");
    fs_fixture_close(&fixture);
}

static void claims_are_judged_by_the_rules_and_the_reason_is_named(void)
{
    static const struct {
        const char *more; /* of the header */
        const char *payload;
        int expected;
        const char *why;
        const char *buyer;
    } cases[] = {
        {"", "{\"sub\":\"kim\",\"exp\":1799999971}", 0, "", "kim"},
        {"", "{\"sub\":\"kim\",\"exp\":1799999970}", -ETIME, "(exp)", ""},
        {"", "{\"sub\":\"kim\",\"exp\":1800000100,\"nbf\":1800000030}", 0, "", "kim"},
        {"", "{\"sub\":\"kim\",\"exp\":1800000100,\"nbf\":1800000031}", -EACCES, "(nbf)", ""},
        {"", "{\"sub\":\"kim\",\"exp\":1800000100,\"iat\":1800000030}", 0, "", "kim"},
        {"", "{\"sub\":\"kim\",\"exp\":1800000100,\"iat\":1800000031}", -EACCES, "(iat)", ""},
        {"", "{\"sub\":12345,\"exp\":1800000100}", 0, "", "12345"},
        {"", "{\"sub\":-1,\"exp\":1800000100}", 0, "", "-1"},
        {"", "{\"sub\":1.5,\"exp\":1800000100}", -EACCES, "buyer", ""},
        {"", "{\"sub\":[1],\"exp\":1800000100}", -EACCES, "buyer", ""},
        {"", "{\"exp\":1800000100}", -EACCES, "auth.buyer_claim", ""},
        {"", "{\"sub\":\"kim\"}", -EACCES, "(exp)", ""},
        {",\"typ\":\"JWT\"", GOOD, 0, "", "kim"},
        {",\"typ\":\"at+jwt\"", GOOD, 0, "", "kim"},
        {",\"typ\":\"application/at+JWT\"", GOOD, 0, "", "kim"},
        {",\"typ\":\"logout+jwt\"", GOOD, -EACCES, "(typ)", ""},
        {",\"typ\":7", GOOD, -EACCES, "(typ)", ""},
        {",\"crit\":[\"b64\"]", GOOD, -EACCES, "(crit)", ""},
        {",\"crit\":[]", GOOD, -EACCES, "(crit)", ""},
        {",\"alg\":\"RS256\"", GOOD, -EACCES, "header", ""}, /* twice */
    };
    struct fs_signer signer;
    char error[FS_AUTH_ERROR_SIZE], *text;
    struct fs_token_rules rules;
    struct fs_token_claims claims;
    struct fs_key_set *set;

    fs_signer_init(&signer, "EdDSA", "a");
    text = set_of(&signer, 1, "");
    set = read_set(text, FS_AUTH_PUBLIC_ALGORITHMS, error);
    FS_REQUIRE(set != NULL);
    rules = rules_of(set);
    rules.leeway_s = 30;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FS_CHECK_INT(
            verify(&rules, fs_signer_sign(&signer, cases[i].more, cases[i].payload), &claims),
            cases[i].expected);
        FS_CHECK_CONTAINS(claims.why, cases[i].why);
        if (cases[i].expected == 0)
            FS_CHECK_TEXT(claims.buyer, claims.buyer_len, cases[i].buyer);
    }
    rules.buyer_claim = "customer";
    FS_CHECK_INT(
        verify(&rules,
               fs_signer_sign(&signer, "", "{\"sub\":\"x\",\"customer\":7,\"exp\":1800000100}"),
               &claims),
        0);
    FS_CHECK_TEXT(claims.buyer, claims.buyer_len, "7");
    FS_CHECK_INT(verify(&rules, fs_signer_sign(&signer, "", GOOD), &claims), -EACCES);
    rules.buyer_claim = "sub";
    rules.issuer = "me";
    FS_CHECK_INT(verify(&rules, fs_signer_sign(&signer, "", GOOD), &claims), -EACCES);
    FS_CHECK_CONTAINS(claims.why, "(iss)");
    rules.issuer = "";
    rules.audience = "shop";
    FS_CHECK_INT(verify(&rules, fs_signer_sign(&signer, "", GOOD), &claims), -EACCES);
    FS_CHECK_CONTAINS(claims.why, "(aud)");
    fs_signer_dispose(&signer);
    fs_key_set_release(set);
    free(text);
}

/* Rotation */

struct shop {
    struct fs_fixture fixture;
    struct fs_auth *auth;
    struct fs_auth_cache *cache;
    struct fs_mailbox mailbox;
    int results[8]; /* of waits that ended */
    size_t result_count;
};

struct waiter {
    struct fs_key_wait wait;
    struct shop *shop;
};

static void write_set(struct shop *shop, const struct fs_signer *signers, size_t count)
{
    char path[FS_FIXTURE_PATH_SIZE], *text = set_of(signers, count, "");

    fs_fixture_path(&shop->fixture, "new", path);
    fs_fixture_write_text(path, text, 0644);
    FS_CHECK_INT(rename(path, shop->fixture.key_path), 0);
    free(text);
}

static void open_shop(struct shop *shop)
{
    struct fs_auth_options options = fs_fixture_options(&shop->fixture, FS_AUTH_OPTIONS_JWT);

    options.jwt_algorithms = FS_AUTH_PUBLIC_ALGORITHMS;
    options.jwt_key_file = "";
    options.jwks_file = shop->fixture.key_path;
    if (fs_auth_create(&options, &shop->fixture.log, &shop->auth, shop->fixture.error) != 0 ||
        fs_auth_cache_create(shop->auth, 64, &shop->cache) != 0 ||
        fs_mailbox_init(&shop->mailbox) != 0) {
        printf("%s\n", shop->fixture.error);
        exit(2);
    }
}

static void close_shop(struct shop *shop)
{
    fs_auth_cache_destroy(shop->cache);
    fs_auth_destroy(shop->auth);
    fs_mailbox_dispose(&shop->mailbox);
    fs_fixture_close(&shop->fixture);
}

static int ask(struct shop *shop, const char *token)
{
    struct fs_text buyer;

    return fs_auth_verify(shop->auth, shop->cache, fs_text_of(token), NOW, &buyer);
}

static void on_keys(struct fs_auth_letter *letter)
{
    struct fs_key_wait *wait = FS_CONTAINER_OF(letter, struct fs_key_wait, letter);
    struct waiter *waiter = FS_CONTAINER_OF(wait, struct waiter, wait);

    waiter->shop->results[waiter->shop->result_count++] = wait->result;
}

/* Waits for the keys once; returns what the waiter was told. */
static int await_keys(struct shop *shop)
{
    struct waiter waiter = {.shop = shop,
                            .wait = {.letter.done = on_keys, .mailbox = &shop->mailbox}};
    struct pollfd box = {.fd = shop->mailbox.fd, .events = POLLIN};
    struct fs_link letters, *letter;

    shop->result_count = 0;
    FS_CHECK_INT(fs_auth_await_keys(shop->auth, &waiter.wait), 0);
    FS_CHECK_INT(poll(&box, 1, 20000), 1);
    fs_link_init(&letters);
    fs_mailbox_take(&shop->mailbox, &letters);
    while ((letter = fs_link_shift(&letters)))
        fs_auth_delivered(letter);
    FS_CHECK_INT(shop->result_count, 1);
    return shop->results[0];
}

static void a_rotated_key_is_known_once_the_set_was_read_again(void)
{
    struct shop shop = {.result_count = 0};
    struct fs_signer signers[2];
    char *before, *after;

    fs_fixture_open(&shop.fixture);
    fs_signer_init(&signers[0], "ES256", "before");
    fs_signer_init(&signers[1], "ES256", "after");
    before = fs_signer_sign(&signers[0], "", GOOD);
    after = fs_signer_sign(&signers[1], "", GOOD);
    write_set(&shop, signers, 1);
    open_shop(&shop);
    FS_CHECK_INT(ask(&shop, before), 0);
    FS_CHECK_INT(ask(&shop, after), -ENOKEY);
    write_set(&shop, signers, 2);
    FS_CHECK_INT(await_keys(&shop), 0);
    FS_CHECK_INT(ask(&shop, after), 0);
    FS_CHECK_INT(ask(&shop, before), 0);
    /* A key that goes takes its tokens along, also those in a cache. */
    write_set(&shop, signers + 1, 1);
    FS_CHECK_INT(await_keys(&shop), 0);
    FS_CHECK_INT(ask(&shop, before), -ENOKEY);
    FS_CHECK_INT(ask(&shop, after), 0);
    /* A set that cannot be read changes nothing, and is no proof that a key is unknown. */
    fs_fixture_write_text(shop.fixture.key_path, "{", 0644);
    FS_CHECK_INT(await_keys(&shop), -EINVAL);
    FS_CHECK_INT(ask(&shop, after), 0);
    FS_CHECK(fs_auth_key_figures(shop.auth).failures > 0);
    free(before);
    free(after);
    fs_signer_dispose(&signers[0]);
    fs_signer_dispose(&signers[1]);
    close_shop(&shop);
}

static void a_file_that_is_replaced_is_read_without_being_asked(void)
{
    struct shop shop = {.result_count = 0};
    struct fs_signer signers[2];
    char *after;
    int rc = -ENOKEY;

    fs_fixture_open(&shop.fixture);
    fs_signer_init(&signers[0], "EdDSA", "before");
    fs_signer_init(&signers[1], "EdDSA", "after");
    after = fs_signer_sign(&signers[1], "", GOOD);
    write_set(&shop, signers, 1);
    open_shop(&shop);
    write_set(&shop, signers, 2);
    for (unsigned i = 0; i < 1000 && rc != 0; i++) {
        rc = ask(&shop, after);
        poll(NULL, 0, 10);
    }
    FS_CHECK_INT(rc, 0);
    free(after);
    fs_signer_dispose(&signers[0]);
    fs_signer_dispose(&signers[1]);
    close_shop(&shop);
}

#define TESTS(T)                                                       \
    T(a_token_of_each_algorithm_verifies_with_the_key_of_its_kid_only) \
    T(a_key_is_used_for_what_its_author_says)                          \
    T(a_damaged_set_is_refused_and_says_why)                           \
    T(a_pem_file_may_hold_several_keys)                                \
    T(claims_are_judged_by_the_rules_and_the_reason_is_named)          \
    T(a_rotated_key_is_known_once_the_set_was_read_again)              \
    T(a_file_that_is_replaced_is_read_without_being_asked)

FS_SUITE("auth/jwks", TESTS)
