/* Makes a server for one test and leaves nothing of it behind. */
#include "fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AWAIT_MS 20000

static void keep_line(void *data, enum fs_server_log_level level, const char *line)
{
    struct fixture *fixture = data;
    size_t len = strlen(line);

    (void)level;
    pthread_mutex_lock(&fixture->log_mutex);
    if (len + 1 < sizeof(fixture->log) - 1 - fixture->log_len) {
        memcpy(fixture->log + fixture->log_len, line, len);
        fixture->log_len += len;
        fixture->log[fixture->log_len++] = '\n';
        fixture->log[fixture->log_len] = '\0';
    }
    pthread_mutex_unlock(&fixture->log_mutex);
}

bool fixture_logged(struct fixture *fixture, const char *text, bool expected)
{
    bool is_there;

    pthread_mutex_lock(&fixture->log_mutex);
    is_there = strstr(fixture->log, text) != NULL;
    if (is_there != expected)
        printf("\nlog:\n%s", fixture->log);
    pthread_mutex_unlock(&fixture->log_mutex);
    return is_there;
}

bool fixture_await_log(struct fixture *fixture, const char *text)
{
    bool is_there = false;

    for (int waited_ms = 0; waited_ms < AWAIT_MS && !is_there; waited_ms += 2) {
        poll(NULL, 0, 2);
        pthread_mutex_lock(&fixture->log_mutex);
        is_there = strstr(fixture->log, text) != NULL;
        pthread_mutex_unlock(&fixture->log_mutex);
    }
    return is_there || fixture_logged(fixture, text, true);
}

bool fixture_set(struct fixture *fixture, const char *key, const char *value)
{
    if (fs_settings_set(fixture->settings, key, value, &fixture->error) == 0)
        return true;
    printf("%s: %s: %s\n", key, value, fixture->error.text);
    return false;
}

bool fixture_open(struct fixture *fixture, const char *strategy)
{
    char data_dir[sizeof(fixture->folder) + 8];

    memset(fixture, 0, sizeof(*fixture));
    pthread_mutex_init(&fixture->log_mutex, NULL);
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/flashsale-test-XXXXXX");
    if (!mkdtemp(fixture->folder) || fs_settings_create(&fixture->settings) != 0)
        return false;
    snprintf(data_dir, sizeof(data_dir), "%s/data", fixture->folder);
    return fixture_set(fixture, "data_dir", data_dir) &&
           fixture_set(fixture, "listen", "127.0.0.1:0") &&
           fixture_set(fixture, "admin.listen", "127.0.0.1:0") &&
           fixture_set(fixture, "workers", "2") && fixture_set(fixture, "strategy", strategy);
}

int fixture_create(struct fixture *fixture)
{
    int rc;

    if (fixture->server)
        return 0;
    rc = fs_server_create(fixture->settings, &fixture->server, &fixture->error);
    if (rc == 0)
        fs_server_set_log(fixture->server, keep_line, fixture);
    return rc;
}

int fixture_start(struct fixture *fixture)
{
    int rc = fixture_create(fixture);

    return rc == 0 ? fs_server_start(fixture->server, &fixture->error) : rc;
}

const char *fixture_address(const struct fixture *fixture)
{
    return fs_server_address(fixture->server, 0);
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
    (void)status;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fixture_close(struct fixture *fixture)
{
    if (fixture->server)
        fs_server_stop(fixture->server);
    fs_server_destroy(fixture->server);
    fs_settings_destroy(fixture->settings);
    pthread_mutex_destroy(&fixture->log_mutex);
    nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fixture_file(struct fixture *fixture, const char *name, const char *text,
                         char path[128])
{
    FILE *file;

    snprintf(path, 128, "%s/%s", fixture->folder, name);
    file = fopen(path, "w");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
    return path;
}

size_t descriptor_count(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}
