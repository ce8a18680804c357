/* Reads --strategy: names, separated by commas, each with options behind colons. */
#include "run/subject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"

static const char *const names[] = {"v1", "v2", "v3", "v4"};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static bool is_name(const char *word)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (strcmp(names[i], word) == 0)
            return true;
    return false;
}

/* As in make_path: a path of the user's own, an absolute one for the server. */
static int find_object(struct fs_subject *subject, const char *word, char *error)
{
    char *path = realpath(word, NULL);
    const char *file = strrchr(word, '/');
    size_t len;

    if (!path) {
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "there is no strategy %s: %s", word,
                 strerror(errno));
        return -EINVAL;
    }
    file = file ? file + 1 : word;
    len = strcspn(file, ".");
    if (len == 0 || len >= sizeof(subject->strategy) || strlen(path) >= sizeof(subject->program)) {
        free(path);
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "%s is no name of a strategy", word);
        return -EINVAL;
    }
    snprintf(subject->strategy, sizeof(subject->strategy), "%.*s", (int)len, file);
    snprintf(subject->program, sizeof(subject->program), "%s", path);
    free(path);
    return 0;
}

static int refuse_name(const char *word, char *error)
{
    size_t nearest = 2;
    const char *found = NULL;

    for (size_t i = 0; i < NAME_COUNT; i++) {
        size_t edits = fs_text_distance(fs_text_of(word), fs_text_of(names[i]));

        if (edits < nearest) {
            nearest = edits;
            found = names[i];
        }
    }
    if (found)
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "there is no strategy %s; did you mean %s?", word,
                 found);
    else
        snprintf(error, FS_SUBJECT_ERROR_SIZE,
                 "there is no strategy %s: use v1 to v4, or the path of a shared object", word);
    return -EINVAL;
}

static int take_name(struct fs_subject *subject, const char *word, const char *test_dir,
                     char *error)
{
    char path[PATH_MAX];

    if (strchr(word, '/'))
        return find_object(subject, word, error);
    if (is_name(word)) {
        snprintf(subject->strategy, sizeof(subject->strategy), "%s", word);
        snprintf(subject->program, sizeof(subject->program), "%s", word);
        return 0;
    }
    if (strlen(word) < sizeof(subject->strategy) &&
        snprintf(path, sizeof(path), "%s/%s.so", test_dir, word) < (int)sizeof(path) &&
        access(path, R_OK) == 0)
        return find_object(subject, path, error);
    if (strcmp(word, "bare") == 0 &&
        snprintf(subject->program, sizeof(subject->program), "%s/../bare_h2o", test_dir) <
            (int)sizeof(subject->program) &&
        access(subject->program, X_OK) == 0) {
        snprintf(subject->strategy, sizeof(subject->strategy), "%s", word);
        subject->is_bare = true;
        return 0;
    }
    return refuse_name(word, error);
}

static int take_nodes(struct fs_subject *subject, const char *text, char *error)
{
    uint64_t nodes;

    if (fs_text_to_u64(fs_text_of(text), 16, &nodes) != 0 || nodes == 0) {
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "nodes=%s: 1 to 16 Redis servers", text);
        return -EINVAL;
    }
    subject->nodes = (unsigned)nodes;
    return 0;
}

static int take_workers(struct fs_subject *subject, const char *text, char *error)
{
    uint64_t workers;

    if (fs_text_to_u64(fs_text_of(text), FS_WORKERS_MAX, &workers) != 0 || workers == 0) {
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "workers=%s: 1 to %u event loops", text,
                 FS_WORKERS_MAX);
        return -EINVAL;
    }
    subject->workers = (unsigned)workers;
    return 0;
}

/* mode=textbook is shown as "textbook"; what else there is keeps its name. */
static void name_variant(struct fs_subject *subject, const char *pair)
{
    const char *shown = strncmp(pair, "mode=", 5) == 0 ? pair + 5 : pair;
    size_t len = strlen(subject->variant);

    snprintf(subject->variant + len, sizeof(subject->variant) - len, "%s%s", len > 0 ? " " : "",
             shown);
}

static int take_option(struct fs_subject *subject, const char *pair, char *error)
{
    const char *equals = strchr(pair, '=');

    if (!equals || equals == pair || equals[1] == '\0' || strchr(pair, '/') ||
        strlen(subject->variant) + strlen(pair) + 2 > sizeof(subject->variant)) {
        snprintf(error, FS_SUBJECT_ERROR_SIZE,
                 "%s:%s: an option of a strategy is KEY=VALUE, such as v2:mode=textbook",
                 subject->strategy, pair);
        return -EINVAL;
    }
    name_variant(subject, pair);
    if (strncmp(pair, "nodes=", 6) == 0)
        return take_nodes(subject, pair + 6, error);
    if (strncmp(pair, "workers=", 8) == 0)
        return take_workers(subject, pair + 8, error);
    if (subject->option_count == FS_SUBJECT_OPTIONS_MAX ||
        strlen(pair) >= sizeof(subject->options[0])) {
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "%s has too many options", subject->strategy);
        return -E2BIG;
    }
    snprintf(subject->options[subject->option_count++], sizeof(subject->options[0]), "%s", pair);
    return 0;
}

static void name_folder(struct fs_subject *subject)
{
    snprintf(subject->folder, sizeof(subject->folder), "%s%s%s", subject->strategy,
             subject->variant[0] != '\0' ? "+" : "", subject->variant);
    for (char *at = subject->folder; *at; at++)
        if (*at == ' ')
            *at = '+';
}

static int read_one(char *item, const char *test_dir, struct fs_subject *subject, char *error)
{
    char *save = NULL;
    char *word = strtok_r(item, ":", &save);
    int rc;

    *subject = (struct fs_subject){0};
    if (!word) {
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "a strategy is missing between two commas");
        return -EINVAL;
    }
    rc = take_name(subject, word, test_dir, error);
    while (rc == 0 && (word = strtok_r(NULL, ":", &save)))
        rc = take_option(subject, word, error);
    if (rc == 0)
        name_folder(subject);
    return rc;
}

static int add_one(char *item, const char *test_dir, struct fs_subject *subjects, size_t *count,
                   char *error)
{
    int rc;

    if (*count == FS_SUBJECTS_MAX) {
        snprintf(error, FS_SUBJECT_ERROR_SIZE, "more than %u strategies", FS_SUBJECTS_MAX);
        return -E2BIG;
    }
    rc = read_one(item, test_dir, &subjects[*count], error);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < *count; i++)
        if (strcmp(subjects[i].folder, subjects[*count].folder) == 0) {
            snprintf(error, FS_SUBJECT_ERROR_SIZE, "%s is named twice", subjects[i].folder);
            return -EINVAL;
        }
    ++*count;
    return 0;
}

int fs_subjects_read(const char *list, const char *test_dir,
                     struct fs_subject subjects[FS_SUBJECTS_MAX], size_t *count,
                     char error[FS_SUBJECT_ERROR_SIZE])
{
    char *copy = strdup(list);
    char *rest = copy;
    char *item;
    int rc = copy ? 0 : -ENOMEM;

    while (rc == 0 && (item = strsep(&rest, ",")))
        rc = add_one(item, test_dir, subjects, count, error);
    free(copy);
    return rc;
}

const char *fs_subject_title(const struct fs_subject *subject, char text[256])
{
    snprintf(text, 256, "%s%s%s", subject->strategy, subject->variant[0] != '\0' ? " " : "",
             subject->variant);
    return text;
}
