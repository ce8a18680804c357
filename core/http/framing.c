/* h2o 2.2.5 takes the last Transfer-Encoding or the first Content-Length and keeps the connection;
 * a proxy in front may have chosen otherwise and then sees our next request where we see a body.
 * So whatever is not said exactly once is refused, and the connection closed. */
#include "http/framing.h"

#include "base/limits.h"

struct head_facts {
    unsigned length_count;
    unsigned coding_count;
    unsigned host_count;
    bool is_http_1_0;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct fs_text trimmed(struct fs_text text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* Digits, few enough that no parser overflows. */
static bool is_length(struct fs_text value)
{
    if (value.len == 0 || value.len > 15)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
    return true;
}

/* Takes one line with its CRLF off rest; false when there is none. */
static bool next_line(struct fs_text *rest, struct fs_text *line)
{
    const char *end = memchr(rest->data, '\n', rest->len);

    if (!end || end == rest->data || end[-1] != '\r')
        return false;
    *line = (struct fs_text){rest->data, (size_t)(end - 1 - rest->data)};
    rest->len -= (size_t)(end + 1 - rest->data);
    rest->data = end + 1;
    return memchr(line->data, '\r', line->len) == NULL;
}

static const char *look_at_field(struct fs_text line, struct head_facts *facts)
{
    const char *colon = memchr(line.data, ':', line.len);
    struct fs_text name, value;

    if (is_blank(line.data[0]))
        return "A header is folded over two lines.";
    if (!colon || colon == line.data || is_blank(colon[-1]))
        return "A header has no proper name.";
    name = (struct fs_text){line.data, (size_t)(colon - line.data)};
    value = trimmed((struct fs_text){colon + 1, line.len - name.len - 1});
    if (name.len == 4 && fs_text_equals_nocase(name, FS_TEXT("host"))) {
        facts->host_count++;
    } else if (name.len == 14 && fs_text_equals_nocase(name, FS_TEXT("content-length"))) {
        facts->length_count++;
        if (!is_length(value))
            return "Content-Length is not a number.";
    } else if (name.len == 17 && fs_text_equals_nocase(name, FS_TEXT("transfer-encoding"))) {
        facts->coding_count++;
        if (!fs_text_equals_nocase(value, FS_TEXT("chunked")))
            return "Transfer-Encoding is not \"chunked\".";
    }
    return NULL;
}

static const char *judge(const struct head_facts *facts)
{
    if (facts->length_count > 1)
        return "Content-Length is there more than once.";
    if (facts->coding_count > 1)
        return "Transfer-Encoding is there more than once.";
    if (facts->length_count + facts->coding_count > 1)
        return "Content-Length and Transfer-Encoding exclude each other.";
    if (facts->coding_count > 0 && facts->is_http_1_0)
        return "HTTP/1.0 has no Transfer-Encoding.";
    if (facts->host_count > 1)
        return "Host is there more than once.";
    if (facts->host_count == 0 && !facts->is_http_1_0)
        return "Host is missing.";
    return NULL;
}

const char *fs_framing_problem(struct fs_text head, bool *is_chunked)
{
    const struct fs_text http_1_0 = FS_TEXT("HTTP/1.0");
    struct head_facts facts = {0};
    struct fs_text rest = {head.data, head.len < FS_HEAD_LEN_MAX ? head.len : FS_HEAD_LEN_MAX};
    struct fs_text line;

    *is_chunked = false;
    /* One empty line before a request is a habit of old clients that both sides skip. */
    if (rest.len >= 2 && rest.data[0] == '\r' && rest.data[1] == '\n')
        rest = (struct fs_text){rest.data + 2, rest.len - 2};
    if (!next_line(&rest, &line) || line.len < http_1_0.len)
        return "The request line does not end in CRLF, or the head is too long.";
    facts.is_http_1_0 =
        memcmp(line.data + line.len - http_1_0.len, http_1_0.data, http_1_0.len) == 0;
    for (;;) {
        const char *problem;

        if (!next_line(&rest, &line))
            return "A header line does not end in CRLF, or the head is too long.";
        if (line.len == 0) {
            *is_chunked = facts.coding_count > 0;
            return judge(&facts);
        }
        problem = look_at_field(line, &facts);
        if (problem)
            return problem;
    }
}
