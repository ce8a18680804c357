/* Asks the machine about itself. */
#include "run/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "run/whole_file.h"

#define WORD_SIZE 256

static void run_into(char *const *argv, int fd)
{
    int null = open("/dev/null", O_WRONLY);

    if (null >= 0 && dup2(null, STDERR_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
        execvp(argv[0], argv);
    _exit(127);
}

void fs_machine_first_line(char *const *argv, char *line, size_t size)
{
    int ends[2];
    FILE *out;
    pid_t pid;

    line[0] = '\0';
    if (pipe(ends) != 0)
        return;
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_into(argv, ends[1]);
    close(ends[1]);
    out = fdopen(ends[0], "r");
    if (out && fgets(line, (int)size, out))
        line[strcspn(line, "\n")] = '\0';
    if (out)
        fclose(out);
    else
        close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* The rest of the line behind title and a colon in a file of /proc. */
static void line_of_file(const char *path, const char *title, char *rest)
{
    char *text = fs_read_file(path);
    char *at = text ? strstr(text, title) : NULL;

    rest[0] = '\0';
    if (at && (at = strchr(at, ':')) != NULL) {
        at += 1 + strspn(at + 1, " \t");
        snprintf(rest, WORD_SIZE, "%.*s", (int)strcspn(at, "\n"), at);
    }
    free(text);
}

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

json_t *fs_machine_describe(void)
{
    char *governor = fs_read_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    char model[WORD_SIZE];
    char memory[WORD_SIZE];
    json_t *object;

    line_of_file("/proc/cpuinfo", "model name", model);
    line_of_file("/proc/meminfo", "MemTotal", memory);
    if (governor)
        governor[strcspn(governor, "\n")] = '\0';
    object = json_pack("{s:o, s:I, s:I, s:o}", "cpu_model", text_or_null(model), "cores",
                       (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_mib",
                       (json_int_t)(strtoll(memory, NULL, 10) / 1024), "governor",
                       text_or_null(governor ? governor : ""));
    free(governor);
    return object;
}

static void set_versions_of_server(json_t *object, const char *program)
{
    char line[4096] = "";
    json_t *said = NULL;

    if (program[0] != '\0')
        fs_machine_first_line((char *[]){(char *)program, "version", "--json", NULL}, line,
                              sizeof(line));
    said = json_loads(line, 0, NULL);
    json_object_set_new(object, "flashsale", json_null());
    json_object_set_new(object, "h2o", json_null());
    if (json_is_object(said))
        json_object_update(object, said);
    json_decref(said);
}

json_t *fs_machine_versions(const char *program)
{
    json_t *object = json_object();
    char line[WORD_SIZE];
    struct utsname names;
    char *at;

    set_versions_of_server(object, program);
    snprintf(line, sizeof(line), "%d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    json_object_set_new(object, "hiredis", json_string(line));
    fs_machine_first_line((char *[]){"redis-server", "--version", NULL}, line, sizeof(line));
    at = strstr(line, "v=");
    if (at)
        json_object_set_new(object, "redis", json_stringn(at + 2, strcspn(at + 2, " ")));
    else
        json_object_set_new(object, "redis", json_null());
    json_object_set_new(object, "kernel",
                        uname(&names) == 0 ? json_string(names.release) : json_null());
    json_object_set_new(object, "compiler", json_string(__VERSION__));
    return object;
}

void fs_machine_commit(char sha[16], int *is_dirty)
{
    char line[WORD_SIZE];

    fs_machine_first_line(
        (char *[]){"git", "-C", FS_SOURCE_DIR, "rev-parse", "--short=7", "HEAD", NULL}, line,
        sizeof(line));
    snprintf(sha, 16, "%.12s", line[0] != '\0' ? line : "unknown");
    fs_machine_first_line((char *[]){"git", "-C", FS_SOURCE_DIR, "status", "--porcelain",
                                     "--untracked-files=no", NULL},
                          line, sizeof(line));
    *is_dirty = line[0] != '\0';
}
