/* A program with a shop in it: the smallest way to embed flashsale. */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <flashsale/flashsale.h>

int main(void)
{
    struct fs_settings *settings;
    struct fs_server *server;
    struct fs_error error = {""};

    signal(SIGPIPE, SIG_IGN);
    if (fs_settings_create(&settings) != 0 ||
        fs_settings_set(settings, "listen", "127.0.0.1:0", &error) != 0 ||
        fs_settings_set(settings, "admin.listen", "127.0.0.1:0", &error) != 0 ||
        fs_settings_load_environment(settings, environ, &error) != 0 ||
        fs_server_create(settings, &server, &error) != 0 || fs_server_start(server, &error) != 0)
        errx(1, "%s", error.text);
    printf("serving on %s\n", fs_server_address(server, 0));
    fflush(stdout);
    while (getchar() != EOF) /* until its standard input ends */
        ;
    fs_server_stop(server);
    fs_server_destroy(server);
    fs_settings_destroy(settings);
    return 0;
}
