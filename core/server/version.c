/* Which versions this build is made of. */
#include <flashsale/flashsale.h>
#include <flashsale/strategy.h>

#include <h2o.h>
#include <h2o/version.h>
#include <openssl/opensslv.h>

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* TEXT(FS_STRATEGY_ABI) would keep the suffix of the number. */
#define STRATEGY_ABI 1
_Static_assert(STRATEGY_ABI == FS_STRATEGY_ABI, "the version that is printed");

const char *fs_version(void)
{
    return FS_VERSION;
}

const char *fs_version_json(void)
{
    return "{\"flashsale\":\"" FS_VERSION "\",\"strategy_abi\":" TEXT(
        STRATEGY_ABI) ",\"compiler\":\"" COMPILER "\",\"libraries\":{\"h2o\":\"" H2O_VERSION
                      "\",\"openssl\":\"" OPENSSL_VERSION_STR "\",\"jansson\":\"" FS_JANSSON_VERSION
                      "\",\"libyaml\":\"" FS_YAML_VERSION "\",\"libcurl\":\"" FS_CURL_VERSION
                      "\",\"libcrypt\":\"" FS_CRYPT_VERSION "\"}}";
}
