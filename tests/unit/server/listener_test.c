/* Addresses, unix sockets, and TLS. */
#include "support/suite.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "client.h"
#include "fixture.h"
#include "server/listener.h"

static void all_sockets_of_an_address_share_one_port(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;
    struct sockaddr_storage name;
    char first[64];

    FS_REQUIRE(fs_listener_open("listen", "127.0.0.1:0", false, 4, 16, &listener, error) == 0);
    FS_CHECK_INT(listener.fd_count, 4);
    FS_CHECK(listener.is_loopback);
    for (size_t i = 0; i < listener.fd_count; i++) {
        socklen_t len = sizeof(name);
        char text[64];

        FS_REQUIRE(getsockname(listener.fds[i], (struct sockaddr *)(void *)&name, &len) == 0);
        snprintf(text, sizeof(text), "127.0.0.1:%u",
                 ntohs(((struct sockaddr_in *)(void *)&name)->sin_port));
        FS_CHECK_STR(listener.text, text);
        snprintf(first, sizeof(first), "%s", text);
    }
    fs_listener_close(&listener);
    FS_CHECK(client_connect(first) < 0);
}

static void a_port_that_shares_itself_is_still_in_use_for_a_second_server(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener first;
    struct fs_listener second;

    FS_REQUIRE(fs_listener_open("listen", "127.0.0.1:0", false, 2, 16, &first, error) == 0);
    FS_CHECK_INT(fs_listener_open("listen", first.text, false, 2, 16, &second, error), -EADDRINUSE);
    FS_CHECK_CONTAINS(error, "in use");
    fs_listener_close(&first);
    FS_CHECK_INT(fs_listener_open("listen", first.text, false, 2, 16, &second, error), 0);
    fs_listener_close(&second);
}

static void an_ipv6_address_is_written_in_brackets(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;
    int rc = fs_listener_open("listen", "[::1]:0", false, 1, 16, &listener, error);

    if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
        return; /* a machine without IPv6 */
    FS_REQUIRE(rc == 0);
    FS_CHECK(strncmp(listener.text, "[::1]:", 6) == 0);
    FS_CHECK(listener.is_loopback);
    fs_listener_close(&listener);
}

static void what_is_no_address_is_refused_with_its_key(void)
{
    static const char *const wrong[] = {
        "", "nowhere", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "unix:"};
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        FS_CHECK_INT(fs_listener_open("admin.listen", wrong[i], false, 1, 16, &listener, error),
                     -EINVAL);
        FS_CHECK_CONTAINS(error, "admin.listen");
    }
}

static void an_address_of_another_machine_is_not_available(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;

    FS_CHECK_INT(fs_listener_open("listen", "192.0.2.1:0", false, 1, 16, &listener, error),
                 -EADDRNOTAVAIL);
    FS_CHECK_CONTAINS(error, "192.0.2.1");
}

static void a_unix_socket_is_private_and_removed_at_the_end(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;
    struct fixture one;
    struct stat status;
    char address[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(address, sizeof(address), "unix:%s/s", one.folder);
    FS_REQUIRE(fs_listener_open("listen", address, false, 3, 16, &listener, error) == 0);
    FS_CHECK_STR(listener.text, address);
    FS_CHECK_INT(listener.fd_count, 3);
    FS_REQUIRE(stat(address + 5, &status) == 0);
    FS_CHECK_INT(status.st_mode & 0777, 0660);
    fs_listener_close(&listener);
    FS_CHECK(stat(address + 5, &status) != 0 && errno == ENOENT);
    fixture_close(&one);
}

static void a_stale_unix_socket_is_replaced_and_a_live_one_is_not(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener first;
    struct fs_listener second;
    struct fixture one;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char address[100];
    int stale;

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(address, sizeof(address), "unix:%s/s", one.folder);
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", address + 5);
    stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FS_REQUIRE(bind(stale, (struct sockaddr *)(void *)&name, sizeof(name)) == 0);
    close(stale);
    FS_CHECK_INT(fs_listener_open("listen", address, false, 1, 16, &first, error), 0);
    FS_CHECK_INT(fs_listener_open("listen", address, false, 1, 16, &second, error), -EADDRINUSE);
    FS_CHECK_CONTAINS(error, "in use");
    fs_listener_close(&first);
    fixture_close(&one);
}

static void a_file_that_is_no_socket_is_left_alone(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;
    struct fixture one;
    struct stat status;
    char address[160];
    char path[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    fixture_file(&one, "s", "precious", path);
    snprintf(address, sizeof(address), "unix:%s", path);
    FS_CHECK_INT(fs_listener_open("listen", address, false, 1, 16, &listener, error), -EADDRINUSE);
    FS_CHECK_CONTAINS(error, "no socket");
    FS_CHECK(stat(path, &status) == 0 && status.st_size == 8);
    fixture_close(&one);
}

static void a_socket_file_of_somebody_else_is_not_removed(void)
{
    char error[FS_LISTENER_ERROR_SIZE];
    struct fs_listener listener;
    struct fixture one;
    struct stat status;
    char address[160];
    char path[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(address, sizeof(address), "unix:%s/s", one.folder);
    FS_REQUIRE(fs_listener_open("listen", address, false, 1, 16, &listener, error) == 0);
    FS_REQUIRE(unlink(address + 5) == 0);
    fixture_file(&one, "s", "another", path);
    fs_listener_close(&listener);
    FS_CHECK(stat(path, &status) == 0);
    fixture_close(&one);
}

static void a_server_serves_on_tcp_and_unix_sockets_at_once(void)
{
    struct fixture one;
    char address[128];
    char answer[4096];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(address, sizeof(address), "unix:%s/main", one.folder);
    FS_REQUIRE(fixture_set(&one, "listen", address));
    snprintf(address, sizeof(address), "unix:%s/admin", one.folder);
    FS_REQUIRE(fixture_set(&one, "admin.listen", address));
    FS_CHECK_INT(fixture_start(&one), 0);
    for (size_t i = 0; i < 2; i++)
        FS_CHECK_INT(client_ask(fs_server_address(one.server, i), "GET", "/inventory/1", "", "",
                                answer, sizeof(answer)),
                     200);
    FS_CHECK_STR(fs_server_admin_address(one.server), address);
    FS_CHECK_INT(client_ask(address, "GET", "/livez", "", "", answer, sizeof(answer)), 200);
    fixture_close(&one);
}

/* TLS */

/* Writes a new self-signed certificate and its key. */
static bool make_certificate(const char *certificate_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *out;
    bool is_made = key && certificate;

    if (is_made) {
        X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        is_made = X509_sign(certificate, key, EVP_sha256()) > 0;
    }
    if (is_made && (out = fopen(certificate_path, "w"))) {
        is_made = PEM_write_X509(out, certificate) == 1;
        fclose(out);
    }
    if (is_made && (out = fopen(key_path, "w"))) {
        is_made = PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1;
        fclose(out);
        chmod(key_path, 0600);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_made;
}

/* Shakes hands with at most version, offering h2 and http/1.1.  Returns the ALPN answer's first byte,
 * 0 for none, -1 when the server refused. */
static int shake_hands(const char *address, int version)
{
    static const unsigned char offered[] = "\x02h2\x08http/1.1";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = SSL_new(context);
    const unsigned char *chosen = NULL;
    unsigned chosen_len = 0;
    int fd = client_connect(address);
    int result = -1;

    SSL_set_security_level(tls, 0);
    SSL_set_min_proto_version(tls, TLS1_VERSION);
    SSL_set_max_proto_version(tls, version);
    SSL_set_alpn_protos(tls, offered, sizeof(offered) - 1);
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) == 1) {
        SSL_get0_alpn_selected(tls, &chosen, &chosen_len);
        result = chosen_len > 0 ? chosen[0] : 0;
    }
    SSL_free(tls);
    SSL_CTX_free(context);
    close(fd);
    return result;
}

static void tls_is_1_2_or_later_and_speaks_http_1_only(void)
{
    struct fixture one;
    char certificate[128];
    char key[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(certificate, sizeof(certificate), "%s/c.pem", one.folder);
    snprintf(key, sizeof(key), "%s/k.pem", one.folder);
    FS_REQUIRE(make_certificate(certificate, key));
    FS_REQUIRE(fixture_set(&one, "tls.certificate", certificate));
    FS_REQUIRE(fixture_set(&one, "tls.key", key));
    FS_CHECK_INT(fixture_start(&one), 0);
    FS_REQUIRE(fixture_address(&one) != NULL);
    FS_CHECK_INT(shake_hands(fixture_address(&one), TLS1_3_VERSION), 'h');
    FS_CHECK_INT(shake_hands(fixture_address(&one), TLS1_2_VERSION), 'h');
    FS_CHECK_INT(shake_hands(fixture_address(&one), TLS1_1_VERSION), -1);
    FS_CHECK_CONTAINS(fs_server_examples(one.server), "https://");
    FS_CHECK(!fixture_logged(&one, "can read this key", false));
    fixture_close(&one);
}

static void a_key_that_is_not_the_certificates_is_refused(void)
{
    struct fixture one;
    char certificate[128];
    char other[128];
    char key[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(certificate, sizeof(certificate), "%s/c.pem", one.folder);
    snprintf(other, sizeof(other), "%s/o.pem", one.folder);
    snprintf(key, sizeof(key), "%s/k.pem", one.folder);
    FS_REQUIRE(make_certificate(other, key));
    FS_REQUIRE(make_certificate(certificate, other));
    FS_REQUIRE(fixture_set(&one, "tls.certificate", certificate));
    FS_REQUIRE(fixture_set(&one, "tls.key", key));
    FS_CHECK_INT(fixture_start(&one), -EINVAL);
    FS_CHECK_CONTAINS(one.error.text, "does not belong to the certificate");
    fixture_close(&one);
}

static void a_key_that_others_can_read_is_warned_of(void)
{
    struct fixture one;
    char certificate[128];
    char key[128];

    FS_REQUIRE(fixture_open(&one, FS_TEST_NULL));
    snprintf(certificate, sizeof(certificate), "%s/c.pem", one.folder);
    snprintf(key, sizeof(key), "%s/k.pem", one.folder);
    FS_REQUIRE(make_certificate(certificate, key));
    FS_REQUIRE(chmod(key, 0644) == 0);
    FS_REQUIRE(fixture_set(&one, "tls.certificate", certificate));
    FS_REQUIRE(fixture_set(&one, "tls.key", key));
    FS_CHECK_INT(fixture_start(&one), 0);
    FS_CHECK(fixture_logged(&one, "can read this key", true));
    fixture_close(&one);
}

#define TESTS(T)                                                     \
    T(all_sockets_of_an_address_share_one_port)                      \
    T(a_port_that_shares_itself_is_still_in_use_for_a_second_server) \
    T(an_ipv6_address_is_written_in_brackets)                        \
    T(what_is_no_address_is_refused_with_its_key)                    \
    T(an_address_of_another_machine_is_not_available)                \
    T(a_unix_socket_is_private_and_removed_at_the_end)               \
    T(a_stale_unix_socket_is_replaced_and_a_live_one_is_not)         \
    T(a_file_that_is_no_socket_is_left_alone)                        \
    T(a_socket_file_of_somebody_else_is_not_removed)                 \
    T(a_server_serves_on_tcp_and_unix_sockets_at_once)               \
    T(tls_is_1_2_or_later_and_speaks_http_1_only)                    \
    T(a_key_that_is_not_the_certificates_is_refused)                 \
    T(a_key_that_others_can_read_is_warned_of)

FS_SUITE("server/listener", TESTS)
