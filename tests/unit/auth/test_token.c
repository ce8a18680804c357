/* Forged, stretched, damaged and foreign tokens, and the few that are right. */
#include "auth/token.h"

#include <errno.h>

#include "base/limits.h"
#include "fixture.h"
#include "support/suite.h"

#define NOW INT64_C(1800000000)
#define SECRET "0123456789abcdef0123456789abcdef"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define RS256 "{\"alg\":\"RS256\"}"
#define ES256 "{\"alg\":\"ES256\"}"
#define PAYLOAD "{\"sub\":\"user_1\",\"exp\":1800000100}"

static struct fs_token_rules hs256_rules(void)
{
    static const struct fs_key_set keys = {
        .count = 1,
        .keys = {{.key = {(char *)SECRET, sizeof(SECRET) - 1, NULL}, .algorithms = FS_AUTH_HS256}}};

    return (struct fs_token_rules){.algorithms = FS_AUTH_HS256,
                                   .keys = &keys,
                                   .issuer = "",
                                   .audience = "",
                                   .buyer_claim = "sub"};
}

/* key: borrowed by the result. */
static struct fs_token_rules public_rules(unsigned algorithm, EVP_PKEY *key)
{
    static struct fs_key_set sets[FS_AUTH_ES256 + 1]; /* one for each algorithm */
    struct fs_token_rules rules = hs256_rules();

    sets[algorithm].count = 1;
    sets[algorithm].keys[0] = (struct fs_set_key){.key = {NULL, 0, key}, .algorithms = algorithm};
    rules.algorithms = algorithm;
    rules.keys = &sets[algorithm];
    return rules;
}

static int verify_at(const struct fs_token_rules *rules, const char *token, int64_t now_s)
{
    struct fs_token_claims claims;

    return fs_token_verify(rules, fs_text_of(token), now_s, &claims);
}

/* Signs with the right secret, so that only header and payload are judged. */
static int verify_signed(const struct fs_token_rules *rules, const char *header,
                         const char *payload)
{
    char *token = fs_fixture_sign_hmac("SHA256", header, payload, SECRET, strlen(SECRET));
    int rc = verify_at(rules, token, NOW);

    free(token);
    return rc;
}

static void a_made_token_verifies_and_names_its_subject(void)
{
    struct fs_token_rules rules = hs256_rules();
    struct fs_token_claims claims;
    char *token = NULL;

    FS_REQUIRE(fs_token_make(&rules.keys->keys[0].key, FS_TEXT("J\xc3\xb6rg \"x\"\\"), NOW,
                             NOW + 60, &token) == 0);
    FS_CHECK_INT(fs_token_verify(&rules, fs_text_of(token), NOW, &claims), 0);
    FS_CHECK_TEXT(claims.buyer, claims.buyer_len, "J\xc3\xb6rg \"x\"\\");
    FS_CHECK_INT(claims.expires_s, NOW + 60);
    free(token);
}

static void a_subject_that_no_token_can_carry_is_refused_when_made(void)
{
    struct fs_token_rules rules = hs256_rules();
    char long_name[FS_BUYER_LEN_MAX + 1];
    char *token = NULL;

    memset(long_name, 'x', sizeof(long_name));
    FS_CHECK_INT(fs_token_make(&rules.keys->keys[0].key, FS_TEXT(""), NOW, NOW + 60, &token),
                 -EINVAL);
    FS_CHECK_INT(fs_token_make(&rules.keys->keys[0].key, FS_TEXT("a\nb"), NOW, NOW + 60, &token),
                 -EINVAL);
    FS_CHECK_INT(
        fs_token_make(&rules.keys->keys[0].key, FS_TEXT("\xff\xfe"), NOW, NOW + 60, &token),
        -EINVAL);
    FS_CHECK_INT(fs_token_make(&rules.keys->keys[0].key,
                               (struct fs_text){long_name, sizeof(long_name)}, NOW, NOW + 60,
                               &token),
                 -EINVAL);
    FS_CHECK(token == NULL);
}

static void a_foreign_token_of_each_algorithm_verifies_with_its_key_only(void)
{
    EVP_PKEY *rsa = fs_fixture_make_rsa(2048), *rsa2 = fs_fixture_make_rsa(2048);
    EVP_PKEY *ec = fs_fixture_make_ec("P-256"), *ec2 = fs_fixture_make_ec("P-256");
    struct fs_token_rules rs256 = public_rules(FS_AUTH_RS256, rsa);
    struct fs_token_rules es256 = public_rules(FS_AUTH_ES256, ec);
    struct fs_token_rules hs256 = hs256_rules();
    char *tokens[] = {
        fs_fixture_sign_pkey(RS256, PAYLOAD, rsa), fs_fixture_sign_pkey(ES256, PAYLOAD, ec),
        fs_fixture_sign_pkey(RS256, PAYLOAD, rsa2), fs_fixture_sign_pkey(ES256, PAYLOAD, ec2)};

    FS_CHECK_INT(verify_at(&rs256, tokens[0], NOW), 0);
    FS_CHECK_INT(verify_at(&es256, tokens[1], NOW), 0);
    FS_CHECK_INT(verify_at(&rs256, tokens[2], NOW), -EACCES);
    FS_CHECK_INT(verify_at(&es256, tokens[3], NOW), -EACCES);
    FS_CHECK_INT(verify_at(&rs256, tokens[1], NOW), -EACCES);
    FS_CHECK_INT(verify_at(&es256, tokens[0], NOW), -EACCES);
    for (size_t i = 0; i < 4; i++) {
        FS_CHECK_INT(verify_at(&hs256, tokens[i], NOW), -EACCES);
        free(tokens[i]);
    }
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(rsa2);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ec2);
}

static void a_token_without_an_algorithm_is_refused(void)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE", "", "null"};
    struct fs_token_rules rules = hs256_rules();
    char header[64];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *token, *last;

        snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i]);
        FS_CHECK_INT(verify_signed(&rules, header, PAYLOAD), -EACCES);
        token = fs_fixture_sign_hmac("SHA256", header, PAYLOAD, SECRET, strlen(SECRET));
        last = strrchr(token, '.');
        last[1] = '\0';
        FS_CHECK_INT(verify_at(&rules, token, NOW), -EACCES);
        last[0] = '\0';
        FS_CHECK_INT(verify_at(&rules, token, NOW), -EACCES);
        free(token);
    }
    FS_CHECK_INT(verify_signed(&rules, "{}", PAYLOAD), -EACCES);
    FS_CHECK_INT(verify_signed(&rules, "{\"alg\":null}", PAYLOAD), -EACCES);
    FS_CHECK_INT(verify_signed(&rules, "{\"alg\":256}", PAYLOAD), -EACCES);
    FS_CHECK_INT(verify_signed(&rules, "[\"HS256\"]", PAYLOAD), -EACCES);
    FS_CHECK_INT(verify_signed(&rules, "HS256", PAYLOAD), -EACCES);
}

static void another_algorithm_is_refused_though_its_signature_is_right(void)
{
    struct fs_token_rules rules = hs256_rules();
    char *hs384 =
        fs_fixture_sign_hmac("SHA384", "{\"alg\":\"HS384\"}", PAYLOAD, SECRET, strlen(SECRET));
    char *hs512 =
        fs_fixture_sign_hmac("SHA512", "{\"alg\":\"HS512\"}", PAYLOAD, SECRET, strlen(SECRET));

    FS_CHECK_INT(verify_at(&rules, hs384, NOW), -EACCES);
    FS_CHECK_INT(verify_at(&rules, hs512, NOW), -EACCES);
    FS_CHECK_INT(verify_signed(&rules, "{\"alg\":\"hs256\"}", PAYLOAD), -EACCES);
    FS_CHECK_INT(verify_signed(&rules, HS256, PAYLOAD), 0);
    free(hs384);
    free(hs512);
}

static void a_public_key_used_as_an_hmac_secret_opens_nothing(void)
{
    EVP_PKEY *rsa = fs_fixture_make_rsa(2048), *ec = fs_fixture_make_ec("P-256");
    EVP_PKEY *pkeys[] = {rsa, ec};
    const unsigned algorithms[] = {FS_AUTH_RS256, FS_AUTH_ES256};
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
    char header[64];

    for (size_t k = 0; k < 2; k++) {
        char *pem = fs_fixture_public_pem(pkeys[k]);
        struct fs_token_rules rules = public_rules(algorithms[k], pkeys[k]);

        for (size_t d = 0; d < 3; d++) {
            char *token;

            snprintf(header, sizeof(header), "{\"alg\":\"HS%s\"}", digests[d] + 3);
            token = fs_fixture_sign_hmac(digests[d], header, PAYLOAD, pem, strlen(pem));
            FS_CHECK_INT(verify_at(&rules, token, NOW), -EACCES);
            free(token);
        }
        free(pem);
        EVP_PKEY_free(pkeys[k]);
    }
}

/* Flips each bit of token in turn; returns how many of the results were accepted. */
static unsigned flip_every_bit(const struct fs_token_rules *rules, const char *token,
                               unsigned *tried)
{
    char copy[FS_TOKEN_LEN_MAX];
    size_t len = strlen(token);
    struct fs_token_claims claims;
    unsigned accepted = 0;

    memcpy(copy, token, len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        accepted += fs_token_verify(rules, (struct fs_text){copy, len}, NOW, &claims) == 0;
        (*tried)++;
        copy[bit / 8] = token[bit / 8];
    }
    return accepted;
}

static void no_flipped_bit_of_20_tokens_is_accepted(void)
{
    EVP_PKEY *rsa = fs_fixture_make_rsa(2048), *ec = fs_fixture_make_ec("P-256");
    struct fs_token_rules rules[] = {hs256_rules(), public_rules(FS_AUTH_RS256, rsa),
                                     public_rules(FS_AUTH_ES256, ec)};
    unsigned accepted = 0, tried = 0;

    for (unsigned i = 0; i < 20; i++) {
        const struct fs_token_rules *own = &rules[i < 12 ? 0 : i < 15 ? 1 : 2];
        char payload[96];
        char *token;

        snprintf(payload, sizeof(payload), "{\"sub\":\"user_%u\",\"exp\":1800000100}", i * i * i);
        token = i < 12   ? fs_fixture_sign_hmac("SHA256", HS256, payload, SECRET, strlen(SECRET))
                : i < 15 ? fs_fixture_sign_pkey(RS256, payload, rsa)
                         : fs_fixture_sign_pkey(ES256, payload, ec);
        FS_CHECK_INT(verify_at(own, token, NOW), 0);
        accepted += flip_every_bit(own, token, &tried);
        free(token);
    }
    printf("\n    %u flips\n", tried);
    FS_CHECK_INT(accepted, 0);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

static void every_truncation_is_refused(void)
{
    EVP_PKEY *ec = fs_fixture_make_ec("P-256");
    struct fs_token_rules rules[] = {hs256_rules(), public_rules(FS_AUTH_ES256, ec)};
    char *tokens[] = {fs_fixture_sign_hmac("SHA256", HS256, PAYLOAD, SECRET, strlen(SECRET)),
                      fs_fixture_sign_pkey(ES256, PAYLOAD, ec)};
    struct fs_token_claims claims;

    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(tokens[i]);

        for (size_t n = 0; n < len; n++) {
            struct fs_text head = {tokens[i], n};
            struct fs_text tail = {tokens[i] + n + 1, len - n - 1};

            FS_CHECK_INT(fs_token_verify(&rules[i], head, NOW, &claims), -EACCES);
            FS_CHECK_INT(fs_token_verify(&rules[i], tail, NOW, &claims), -EACCES);
        }
        free(tokens[i]);
    }
    EVP_PKEY_free(ec);
}

static void a_token_has_three_canonical_parts(void)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {{"AA.AA.AA", true},    {"AAAA.AAA.AA", true},  {"-_.AA.AA", false},
                 {"-A.AA.AA", true},    {"-g.AA.AA", true},     {"_w.AA.AA", true},
                 {"", false},           {".", false},           {"..", false},
                 {"AA..AA", false},     {".AA.AA", false},      {"AA.AA.", false},
                 {"AA.AA", false},      {"AA.AA.AA.", false},   {"AA.AA.AA.AA", false},
                 {"A.AA.AA", false},    {"AAAAA.AA.AA", false}, {"AB.AA.AA", false},
                 {"AAB.AA.AA", false},  {"AA.AA.AB", false},    {"AA.AA.AA=", false},
                 {"AA.AA.A+", false},   {"AA.AA.A/", false},    {" AA.AA.AA", false},
                 {"AA.AA.AA\n", false}, {"AA.A\x80.AA", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        FS_CHECK_INT(fs_token_is_well_formed(fs_text_of(cases[i].text)), cases[i].good);
        if (fs_token_is_well_formed(fs_text_of(cases[i].text)) != cases[i].good)
            printf("\n    case %s\n", cases[i].text);
    }
    FS_CHECK(!fs_token_is_well_formed((struct fs_text){NULL, 0}));
    FS_CHECK(!fs_token_is_well_formed((struct fs_text){"AA.A\0.AA", 8}));
}

static void the_longest_token_verifies_and_a_longer_one_does_not(void)
{
    struct fs_token_rules rules = hs256_rules();
    char *payload = calloc(1, FS_TOKEN_LEN_MAX);
    size_t filler;

    FS_REQUIRE(payload != NULL);
    /* The header takes 36, dots and signature 45 bytes; three bytes of payload become four. */
    for (filler = 12100; filler < 12300; filler++) {
        char *token;
        size_t len;

        snprintf(payload, FS_TOKEN_LEN_MAX, "{\"sub\":\"a\",\"exp\":1800000100,\"x\":\"%0*d\"}",
                 (int)filler, 0);
        token = fs_fixture_sign_hmac("SHA256", HS256, payload, SECRET, strlen(SECRET));
        len = strlen(token);
        FS_CHECK_INT(verify_at(&rules, token, NOW), len <= FS_TOKEN_LEN_MAX ? 0 : -EACCES);
        free(token);
        if (len > FS_TOKEN_LEN_MAX)
            break;
    }
    FS_CHECK(filler < 12300);
    free(payload);
}

static void each_claim_is_checked(void)
{
    static const struct {
        const char *payload;
        int expected;
    } cases[] = {{"{\"sub\":\"a\",\"exp\":1800000001}", 0},
                 {"{\"sub\":\"a\",\"exp\":1800000000}", -ETIME},
                 {"{\"sub\":\"a\",\"exp\":1}", -ETIME},
                 {"{\"sub\":\"a\",\"exp\":-1}", -ETIME},
                 {"{\"sub\":\"a\",\"exp\":1800000001.5}", 0},
                 {"{\"sub\":\"a\",\"exp\":1.8e9}", -ETIME},
                 {"{\"sub\":\"a\",\"exp\":1e300}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":0}", -ETIME},
                 {"{\"sub\":\"a\",\"exp\":1800000001,\"nbf\":0}", 0},
                 {"{\"sub\":\"a\",\"exp\":9223372036854775807}", 0},
                 {"{\"sub\":\"a\",\"exp\":9223372036854775808}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":\"1800000001\"}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":true}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":null}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":[1800000001]}", -EACCES},
                 {"{\"sub\":\"a\"}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":1800000001,\"nbf\":1800000000}", 0},
                 {"{\"sub\":\"a\",\"exp\":1800000009,\"nbf\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":1800000009,\"nbf\":\"0\"}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":1800000009,\"nbf\":0.0}", 0},
                 {"{\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":\"\",\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":7,\"exp\":1800000001}", 0},
                 {"{\"sub\":7.0,\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\",\"sub\":\"b\",\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":1800000009,\"iat\":1800000000}", 0},
                 {"{\"sub\":\"a\",\"exp\":1800000009,\"iat\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":1800000009,\"iat\":\"x\"}", -EACCES},
                 {"{\"sub\":null,\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\\u0000b\",\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\\u0001b\",\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\\nb\",\"exp\":1800000001}", -EACCES},
                 {"{\"sub\":\"a\\u007fb\",\"exp\":1800000001}", -EACCES},
                 {"[\"sub\",\"exp\"]", -EACCES},
                 {"{\"sub\":\"a\",\"exp\":1800000001", -EACCES},
                 {"null", -EACCES},
                 {"{}", -EACCES}};
    struct fs_token_rules rules = hs256_rules();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = verify_signed(&rules, HS256, cases[i].payload);

        FS_CHECK_INT(rc, cases[i].expected);
        if (rc != cases[i].expected)
            printf("\n    payload %s\n", cases[i].payload);
    }
}

static void a_subject_has_as_many_bytes_as_a_buyer_may(void)
{
    struct fs_token_rules rules = hs256_rules();
    char payload[256];

    snprintf(payload, sizeof(payload), "{\"sub\":\"%0*d\",\"exp\":1800000001}",
             (int)FS_BUYER_LEN_MAX, 0);
    FS_CHECK_INT(verify_signed(&rules, HS256, payload), 0);
    snprintf(payload, sizeof(payload), "{\"sub\":\"%0*d\",\"exp\":1800000001}",
             (int)FS_BUYER_LEN_MAX + 1, 0);
    FS_CHECK_INT(verify_signed(&rules, HS256, payload), -EACCES);
}

static void issuer_and_audience_are_checked_when_configured(void)
{
    static const struct {
        const char *claims;
        int expected;
    } cases[] = {{"\"iss\":\"https://id\",\"aud\":\"shop\"", 0},
                 {"\"iss\":\"https://id\",\"aud\":[\"x\",\"shop\"]", 0},
                 {"\"iss\":\"https://id\",\"aud\":[\"x\",7,null,\"shop2\"]", -EACCES},
                 {"\"iss\":\"https://id\",\"aud\":[]", -EACCES},
                 {"\"iss\":\"https://id\",\"aud\":{\"shop\":\"shop\"}", -EACCES},
                 {"\"iss\":\"https://id\",\"aud\":7", -EACCES},
                 {"\"iss\":\"https://id\"", -EACCES},
                 {"\"aud\":\"shop\"", -EACCES},
                 {"\"iss\":\"https://id/\",\"aud\":\"shop\"", -EACCES},
                 {"\"iss\":[\"https://id\"],\"aud\":\"shop\"", -EACCES}};
    struct fs_token_rules rules = hs256_rules();
    char payload[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc;

        snprintf(payload, sizeof(payload), "{\"sub\":\"a\",\"exp\":1800000001,%s}",
                 cases[i].claims);
        rules.issuer = "https://id";
        rules.audience = "shop";
        rc = verify_signed(&rules, HS256, payload);
        FS_CHECK_INT(rc, cases[i].expected);
        if (rc != cases[i].expected)
            printf("\n    claims %s\n", cases[i].claims);
        rules.issuer = rules.audience = "";
        FS_CHECK_INT(verify_signed(&rules, HS256, payload), 0);
    }
}

static void a_critical_extension_is_refused(void)
{
    struct fs_token_rules rules = hs256_rules();

    FS_CHECK_INT(
        verify_signed(&rules, "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", PAYLOAD),
        -EACCES);
    FS_CHECK_INT(verify_signed(&rules, "{\"alg\":\"HS256\",\"crit\":[]}", PAYLOAD), -EACCES);
    FS_CHECK_INT(verify_signed(&rules, "{\"alg\":\"HS256\",\"kid\":\"7\"}", PAYLOAD), 0);
}

/* One to four edits: a byte replaced, dropped, doubled or swapped, or a part of another token. */
static size_t mutate(struct fs_random *random, char *text, size_t len, const char *other)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_..=+/ ";

    for (size_t edits = 1 + fs_random_below(random, 4); edits > 0 && len > 1; edits--) {
        size_t at = fs_random_below(random, len);

        switch (fs_random_below(random, 6)) {
        case 0:
            text[at] = alphabet[fs_random_below(random, sizeof(alphabet) - 1)];
            break;
        case 1:
            text[at] = (char)fs_random_next(random);
            break;
        case 2:
            memmove(text + at, text + at + 1, len - at - 1);
            len--;
            break;
        case 3:
            memmove(text + at + 1, text + at, len - at);
            len++;
            break;
        case 4:
            text[at] = text[fs_random_below(random, len)];
            break;
        default:
            for (size_t i = at; i < len && other[i] != '\0' && other[i] != '.'; i++)
                text[i] = other[i];
        }
    }
    return len;
}

static void no_random_mutation_of_100000_is_accepted(void)
{
    struct fs_random random = fs_random_begin("mutations");
    struct fs_token_rules rules = hs256_rules();
    char *tokens[2] = {fs_fixture_sign_hmac("SHA256", HS256, PAYLOAD, SECRET, strlen(SECRET)),
                       fs_fixture_sign_hmac("SHA256", HS256,
                                            "{\"sub\":\"user_2\",\"exp\":1800000200}", SECRET,
                                            strlen(SECRET))};
    struct fs_token_claims claims;
    unsigned accepted = 0, same = 0;
    char text[FS_TOKEN_LEN_MAX];

    for (unsigned n = 0; n < 100000; n++) {
        const char *source = tokens[n % 2], *other = tokens[1 - n % 2];
        size_t len = strlen(source);

        memcpy(text, source, len);
        len = mutate(&random, text, len, other);
        if ((len == strlen(source) && memcmp(text, source, len) == 0) ||
            (len == strlen(other) && memcmp(text, other, len) == 0)) {
            same++;
            continue;
        }
        accepted += fs_token_verify(&rules, (struct fs_text){text, len}, NOW, &claims) == 0;
    }
    FS_CHECK_INT(accepted, 0);
    FS_CHECK(same < 50000);
    free(tokens[0]);
    free(tokens[1]);
}

#define TESTS(T)                                                    \
    T(a_made_token_verifies_and_names_its_subject)                  \
    T(a_subject_that_no_token_can_carry_is_refused_when_made)       \
    T(a_foreign_token_of_each_algorithm_verifies_with_its_key_only) \
    T(a_token_without_an_algorithm_is_refused)                      \
    T(another_algorithm_is_refused_though_its_signature_is_right)   \
    T(a_public_key_used_as_an_hmac_secret_opens_nothing)            \
    T(no_flipped_bit_of_20_tokens_is_accepted)                      \
    T(every_truncation_is_refused)                                  \
    T(a_token_has_three_canonical_parts)                            \
    T(the_longest_token_verifies_and_a_longer_one_does_not)         \
    T(each_claim_is_checked)                                        \
    T(a_subject_has_as_many_bytes_as_a_buyer_may)                   \
    T(issuer_and_audience_are_checked_when_configured)              \
    T(a_critical_extension_is_refused)                              \
    T(no_random_mutation_of_100000_is_accepted)
FS_SUITE("auth/token", TESTS)
