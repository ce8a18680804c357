/* Makes, and removes with all that is in it, the folder of a rehearsal. */
#include "server/rehearsal.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/data_dir.h"

#define DEPTH_MAX 8

/* A file of the real folder, where a start would find one there. */
static int use_file(const struct fs_rehearsal *rehearsal, const char *name, char **configured)
{
    char *path;

    if ((*configured)[0])
        return 0;
    if (asprintf(&path, "%s/%s", rehearsal->wanted, name) < 0)
        return -ENOMEM;
    if (access(path, F_OK) == 0) {
        free(*configured);
        *configured = path;
    } else {
        free(path);
    }
    return 0;
}

static int note_access_log(struct fs_rehearsal *rehearsal, const char *target)
{
    if (target[0] != '/' || access(target, F_OK) == 0)
        return 0;
    rehearsal->access_log = strdup(target);
    return rehearsal->access_log ? 0 : -ENOMEM;
}

int fs_rehearsal_begin(struct fs_rehearsal *rehearsal, struct fs_config *config,
                       struct fs_error *error)
{
    struct fs_log quiet;
    char *absolute = NULL;
    int rc;

    *rehearsal = (struct fs_rehearsal){.wanted = strdup(config->data_dir)};
    if (!rehearsal->wanted)
        return fs_error_set(error, -ENOMEM, "out of memory");
    fs_log_init(&quiet, FS_LOG_ERROR, FS_LOG_TEXT, NULL, NULL);
    rehearsal->made_wanted = access(config->data_dir, F_OK) != 0;
    rc = fs_data_dir_open(config->data_dir, &quiet, &absolute, error);
    if (rc != 0) {
        rehearsal->made_wanted = false;
        return rc;
    }
    rc = asprintf(&rehearsal->folder, "%s/.try-XXXXXX", absolute) < 0 ? -ENOMEM : 0;
    free(absolute);
    if (rc == 0 && !mkdtemp(rehearsal->folder))
        rc = -errno;
    if (rc != 0) {
        fs_error_set(error, rc, "data_dir: %s: %s", config->data_dir, strerror(-rc));
        free(rehearsal->folder);
        rehearsal->folder = NULL;
        return rc;
    }
    rc = use_file(rehearsal, "token.key", &config->auth_token_key_file);
    if (rc == 0)
        rc = use_file(rehearsal, "admin.token", &config->admin_token_file);
    if (rc == 0)
        rc = note_access_log(rehearsal, config->http_access_log);
    free(config->data_dir);
    config->data_dir = strdup(rehearsal->folder);
    if (rc != 0 || !config->data_dir)
        return fs_error_set(error, -ENOMEM, "out of memory");
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void fs_rehearsal_end(struct fs_rehearsal *rehearsal)
{
    if (rehearsal->folder)
        (void)nftw(rehearsal->folder, remove_one, DEPTH_MAX, FTW_DEPTH | FTW_PHYS);
    if (rehearsal->made_wanted)
        (void)rmdir(rehearsal->wanted);
    if (rehearsal->access_log)
        (void)unlink(rehearsal->access_log);
    free(rehearsal->folder);
    free(rehearsal->wanted);
    free(rehearsal->access_log);
}

void fs_rehearsal_rename(const struct fs_rehearsal *rehearsal, char *message)
{
    const char *folder = rehearsal->folder;
    char *at;

    while (folder && (at = strstr(message, folder)) != NULL) {
        size_t len = strlen(rehearsal->wanted);

        if (len > strlen(folder))
            return; /* its absolute name is shorter: leave the message */
        memcpy(at, rehearsal->wanted, len);
        memmove(at + len, at + strlen(folder), strlen(at + strlen(folder)) + 1);
    }
}
