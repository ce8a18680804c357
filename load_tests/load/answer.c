/* Reads answers where they lie: the members are looked for by name, since parsing every body as JSON
 * would cost more than the rest of the answer. */
#include "load/answer.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The place of a member's value; NULL: there is none. */
static const char *find_value(const struct fs_load_reply *reply, const char *name)
{
    const char *at = reply->body;
    const char *end = reply->body + reply->body_len;
    size_t len = strlen(name);

    while ((at = memmem(at, (size_t)(end - at), name, len)) != NULL) {
        const char *next = at + len;
        bool is_quoted = at > reply->body && at[-1] == '"' && next < end && *next == '"';

        at = next;
        if (!is_quoted)
            continue;
        for (next++; next < end && is_blank(*next);)
            next++;
        if (next == end || *next != ':')
            continue;
        for (next++; next < end && is_blank(*next);)
            next++;
        return next < end ? next : NULL;
    }
    return NULL;
}

bool fs_load_reply_text(const struct fs_load_reply *reply, const char *name, char *text,
                        size_t size)
{
    const char *value = find_value(reply, name);
    const char *end;
    size_t len;

    if (!value || *value != '"')
        return false;
    value++;
    end = memchr(value, '"', (size_t)(reply->body + reply->body_len - value));
    if (!end)
        return false;
    len = (size_t)(end - value) < size - 1 ? (size_t)(end - value) : size - 1;
    memcpy(text, value, len);
    text[len] = '\0';
    return true;
}

bool fs_load_reply_number(const struct fs_load_reply *reply, const char *name, int64_t *number)
{
    const char *value = find_value(reply, name);
    const char *end = reply->body + reply->body_len;
    bool is_negative = value && *value == '-';
    int64_t read = 0;

    if (!value)
        return false;
    value += is_negative;
    if (value == end || *value < '0' || *value > '9')
        return false;
    for (; value < end && *value >= '0' && *value <= '9'; value++) {
        if (read > (INT64_MAX - 9) / 10)
            return false;
        read = read * 10 + (*value - '0');
    }
    *number = is_negative ? -read : read;
    return true;
}

static void read_code(const struct fs_load_reply *reply, char *code, size_t size)
{
    char type[128];
    const char *colon;

    code[0] = '\0';
    if (fs_load_reply_text(reply, "type", type, sizeof(type)) &&
        (colon = strrchr(type, ':')) != NULL && strlen(colon + 1) < size)
        memcpy(code, colon + 1, strlen(colon + 1) + 1);
    else
        fs_load_reply_text(reply, "code", code, size);
}

enum fs_answer fs_answer_of(const struct fs_load_reply *reply)
{
    static const struct {
        const char *code; /* NULL: any */
        enum fs_answer answer;
        uint16_t status;
    } table[] = {
        {"sold_out", FS_ANSWER_SOLD_OUT, 400},
        {"user_limit", FS_ANSWER_LIMIT, 409},
        {"in_progress", FS_ANSWER_IN_PROGRESS, 409},
        {NULL, FS_ANSWER_BUSY, 429},
        {"busy", FS_ANSWER_BUSY, 503},
        {NULL, FS_ANSWER_UNAVAILABLE, 503},
        {NULL, FS_ANSWER_UNDETERMINED, 504},
    };
    char code[64];

    if (reply->status >= 200 && reply->status < 300)
        return FS_ANSWER_OK;
    read_code(reply, code, sizeof(code));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].status == reply->status &&
            (!table[i].code || strcmp(table[i].code, code) == 0))
            return table[i].answer;
    return reply->status >= 500 ? FS_ANSWER_5XX : FS_ANSWER_UNEXPECTED_4XX;
}
