/* Service tokens: the file that is read, the mistakes that are named, the token that is found. */
#include "auth/service.h"

#include <errno.h>

#include "fixture.h"
#include "support/suite.h"

/* Hashes of some tokens. */
#define PAY "80cc6b22a2d0d4fd5d3ab4b3abd6ee9e9a44a7b65b8a4f6d3a6cbbb3e30f8a11"
#define OPS "00cc6b22a2d0d4fd5d3ab4b3abd6ee9e9a44a7b65b8a4f6d3a6cbbb3e30f8a11"

static int read_text(const char *text, char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_services *services = NULL;
    int rc = fs_services_read("tokens", fs_text_of(text), &services, error);

    FS_CHECK_INT(services != NULL, rc == 0);
    fs_services_release(services);
    return rc;
}

static void a_mistake_is_named_with_its_line(void)
{
    static const struct {
        const char *text;
        const char *said; /* NULL: the file is good */
    } cases[] = {
        {"pay orders:read " PAY "\n", NULL},
        {"# comment\n\n  pay\torders:read,orders:confirm  " PAY " # and more\r\n", NULL},
        {"pay orders:read " PAY, NULL},
        {"", "there is none"},
        {"# nothing\n", "there is none"},
        {"pay orders:read\n", "tokens:1: 'name scope"},
        {"\npay orders:read " PAY " more\n", "tokens:2: 'name scope"},
        {"p/y orders:read " PAY "\n", "tokens:1: a name has"},
        {"pay orders:reads " PAY "\n", "tokens:1: scopes are"},
        {"pay orders:read, " PAY "\n", "tokens:1: scopes are"},
        {"pay ,admin " PAY "\n", "tokens:1: scopes are"},
        {"pay * " PAY "\n", "tokens:1: scopes are"},
        {"pay admin abc\n", "tokens:1: the SHA-256"},
        {"pay admin g" PAY "\n", "tokens:1: the SHA-256"},
        {"pay admin " PAY "\npay admin " OPS "\n", "tokens:2: this name"},
        {"pay admin " PAY "\nops admin " PAY "\n", "tokens:2: this token"},
    };
    char error[FS_AUTH_ERROR_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = read_text(cases[i].text, error);

        FS_CHECK_INT(rc, cases[i].said ? -EINVAL : 0);
        if (cases[i].said)
            FS_CHECK_CONTAINS(error, cases[i].said);
    }
}

static void only_the_token_whose_hash_is_there_is_found(void)
{
    char error[FS_AUTH_ERROR_SIZE], text[256];
    struct fs_services *services = NULL;
    struct fs_service service;

    /* SHA-256 of "abc", from FIPS 180-4. */
    snprintf(text, sizeof(text), "%s",
             "shop orders:purchase,orders:cancel "
             "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\n");
    FS_REQUIRE(fs_services_read("tokens", fs_text_of(text), &services, error) == 0);
    FS_CHECK(fs_services_find(services, FS_TEXT("abc"), &service));
    FS_CHECK_TEXT(service.name, strlen(service.name), "shop");
    FS_CHECK_INT(service.scopes, FS_SCOPE_ORDERS_PURCHASE | FS_SCOPE_ORDERS_CANCEL);
    FS_CHECK(!fs_services_find(services, FS_TEXT("abd"), &service));
    FS_CHECK(!fs_services_find(services, FS_TEXT(""), &service));
    FS_CHECK(!fs_services_find(
        services, FS_TEXT("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        &service));
    fs_services_release(services);
}

static void a_file_that_others_may_write_is_refused(void)
{
    struct fs_services *services = NULL;
    struct fs_fixture fixture;

    fs_fixture_open(&fixture);
    fs_fixture_write_text(fixture.key_path, "pay admin " PAY "\n", 0620);
    FS_CHECK_INT(fs_services_load(fixture.key_path, &fixture.log, &services, fixture.error),
                 -EACCES);
    fs_fixture_write_text(fixture.key_path, "pay admin " PAY "\n", 0600);
    FS_CHECK_INT(fs_services_load(fixture.key_path, &fixture.log, &services, fixture.error), 0);
    fs_services_release(services);
    services = NULL;
    FS_CHECK_INT(fs_services_load("/nonexistent", &fixture.log, &services, fixture.error), -ENOENT);
    fs_fixture_close(&fixture);
}

static void more_services_than_the_table_holds_are_refused(void)
{
    size_t size = (size_t)(FS_SERVICES_MAX + 1) * 96;
    char error[FS_AUTH_ERROR_SIZE], *text = calloc(1, size);
    size_t len = 0;

    FS_REQUIRE(text != NULL);
    for (unsigned i = 0; i <= FS_SERVICES_MAX; i++) {
        if (i == FS_SERVICES_MAX)
            FS_CHECK_INT(read_text(text, error), 0);
        len += (size_t)snprintf(text + len, size - len, "s%u admin %064x\n", i, i);
    }
    FS_CHECK_INT(read_text(text, error), -EINVAL);
    FS_CHECK_CONTAINS(error, "tokens:257: more than 256");
    free(text);
}

#define TESTS(T)                                   \
    T(a_mistake_is_named_with_its_line)            \
    T(only_the_token_whose_hash_is_there_is_found) \
    T(a_file_that_others_may_write_is_refused)     \
    T(more_services_than_the_table_holds_are_refused)

FS_SUITE("auth/service", TESTS)
