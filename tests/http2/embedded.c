/* A program with a shop in it that speaks HTTP/2: says whether it does, and ends.
 *
 *     embedded <folder> <certificate> <key>
 *
 * It is linked in each way in which a program may come by this library and by h2o. */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <flashsale/flashsale.h>

#ifdef CALLS_H2O
void h2o_config_init(void *config); /* the program's own h2o comes first on its link line */
void (*const own_h2o)(void *config) = h2o_config_init;
#endif

int main(int argc, char **argv)
{
    struct fs_settings *settings;
    struct fs_server *server;
    struct fs_error error = {""};
    int code;

    if (argc != 4)
        errx(2, "usage: embedded <folder> <certificate> <key>");
    signal(SIGPIPE, SIG_IGN);
    if (fs_settings_create(&settings) != 0 ||
        fs_settings_set(settings, "listen", "127.0.0.1:0", &error) != 0 ||
        fs_settings_set(settings, "admin.listen", "127.0.0.1:0", &error) != 0 ||
        fs_settings_set(settings, "data_dir", argv[1], &error) != 0 ||
        fs_settings_set(settings, "tls.certificate", argv[2], &error) != 0 ||
        fs_settings_set(settings, "tls.key", argv[3], &error) != 0 ||
        fs_settings_set(settings, "http.http2", "true", &error) != 0 ||
        fs_settings_set(settings, "strategy", "v1", &error) != 0 ||
        fs_settings_load_environment(settings, environ, &error) != 0 ||
        fs_server_create(settings, &server, &error) != 0 || fs_server_start(server, &error) != 0)
        errx(1, "%s", error.text);
    code = strstr(fs_server_summary(server), "HTTP/2 and HTTP/1.1") ? 0 : 3;
    printf("%s", fs_server_summary(server));
    fs_server_stop(server);
    fs_server_destroy(server);
    fs_settings_destroy(settings);
    return code;
}
