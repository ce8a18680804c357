/* Reads what the kernel tells in files. */
#include "doctor/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 512

bool fs_doctor_read(const char *root, const char *path, char *text, size_t size)
{
    char whole[PATH_SIZE];
    size_t len = 0;
    ssize_t got;
    int fd;

    if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole))
        return false;
    fd = open(whole, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (len < size - 1 && (got = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    close(fd);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    text[len] = '\0';
    return len > 0;
}

static bool to_number(const char *text, int64_t *number)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || errno != 0)
        return false;
    *number = value;
    return true;
}

bool fs_doctor_read_number(const char *root, const char *path, int64_t *number)
{
    char text[64];

    return fs_doctor_read(root, path, text, sizeof(text)) && to_number(text, number);
}

bool fs_doctor_read_numbers(const char *root, const char *path, int64_t *numbers, size_t count)
{
    char text[256];
    const char *at = text;

    if (!fs_doctor_read(root, path, text, sizeof(text)))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!to_number(at, &numbers[i]))
            return false;
        at += strspn(at, " \t");
        at += strcspn(at, " \t");
    }
    return true;
}

bool fs_doctor_read_field(const char *root, const char *path, const char *name, int64_t *number)
{
    char text[8192];
    size_t name_len = strlen(name);

    if (!fs_doctor_read(root, path, text, sizeof(text)))
        return false;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) == 0 && line[name_len] == ':')
            return to_number(line + name_len + 1, number);
    }
    return false;
}
