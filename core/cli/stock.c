/* flashsale stock and healthcheck: questions to the admin listener, answers as tables. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/suggest.h"

#define ID_LEN_MAX 64
#define KEY_SIZE 33
#define HEADER_SIZE 320

/* A column of the table of sales: a member of each row. */
struct column {
    const char *member;
    const char *title;
    int width;
    bool is_limit; /* 0: none */
};

static const struct column columns[] = {
    {"product_id", "PRODUCT", -16, false}, {"state", "STATE", -9, false},
    {"stock", "LEFT", 9, false},           {"sold", "SOLD", 9, false},
    {"initial", "INITIAL", 9, false},      {"restocked", "RESTOCKED", 10, false},
    {"per_user_max", "A BUYER", 8, true},  {"max_quantity", "AN ORDER", 9, true},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

static const char *show(const json_t *value, char text[128])
{
    if (json_is_string(value))
        snprintf(text, 128, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(text, 128, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(text, 128, "%s", json_is_true(value) ? "yes" : "no");
    else
        snprintf(text, 128, "-");
    return text;
}

static void print_head(FILE *out)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        fprintf(out, "%s%*s", i == 0 ? "" : " ", columns[i].width, columns[i].title);
    fputc('\n', out);
}

static void print_sale(FILE *out, const json_t *sale)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const json_t *value = json_object_get(sale, columns[i].member);
        bool is_none = columns[i].is_limit && json_integer_value(value) == 0;
        char text[128];

        fprintf(out, "%s%*s", i == 0 ? "" : " ", columns[i].width,
                is_none ? "-" : show(value, text));
    }
    fputc('\n', out);
}

static void print_members(FILE *out, const json_t *object)
{
    const char *name;
    json_t *value;
    char text[128];

    json_object_foreach((json_t *)object, name, value)
    {
        if (json_is_object(value))
            print_members(out, value);
        else
            fprintf(out, "%-28s %s\n", name, show(value, text));
    }
}

static void print_json(FILE *out, const json_t *value)
{
    json_dumpf(value, out, JSON_INDENT(2));
    fputc('\n', out);
}

/* Says what the server said; the sentence for people is the problem's detail, but where it talks of
 * JSON that nobody typed. */
static int refused(const struct fs_cli_answer *answer, const struct fs_cli_io *io)
{
    const char *detail = json_string_value(json_object_get(answer->body, "detail"));
    const char *title = json_string_value(json_object_get(answer->body, "title"));
    const char *code = json_string_value(json_object_get(answer->body, "code"));

    if (code && strcmp(code, "sale_exists") == 0)
        return fs_cli_fail(io, "there is such a sale already: stock add gives it more units; stock "
                               "set with --reset starts it anew and forgets what was sold");
    fs_cli_fail(io, "%s (%ld%s%s)",
                detail  ? detail
                : title ? title
                        : "the server refused",
                answer->status, code ? " " : "", code ? code : "");
    return FS_CLI_FAILED;
}

static bool is_id(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return len >= 1 && len <= ID_LEN_MAX && text[len] == '\0';
}

static bool read_units(const char *text, json_int_t *units)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 15 || text[len] != '\0')
        return false;
    *units = (json_int_t)strtoll(text, NULL, 10);
    return true;
}

/* One question about one path; prints what print() makes of a good answer. */
static int ask(const struct fs_cli_options *options, const struct fs_cli_io *io, const char *method,
               const char *path, const json_t *body, void (*print)(FILE *out, const json_t *body))
{
    struct fs_cli_answer answer = {0};
    struct fs_cli_admin *admin;
    int rc = fs_cli_admin_create(options, io, true, &admin);

    if (rc != 0)
        return rc;
    rc = fs_cli_admin_ask(admin, method, path, body, io, &answer);
    if (rc == 0 && (answer.status < 200 || answer.status > 299))
        rc = refused(&answer, io);
    else if (rc == 0 && options->is_json)
        print_json(io->out, answer.body);
    else if (rc == 0)
        print(io->out, answer.body);
    fs_cli_answer_dispose(&answer);
    fs_cli_admin_destroy(admin);
    return rc;
}

/* Numbers by their value and before words. */
static int compare_sales(const void *a, const void *b)
{
    const json_t *x = json_object_get(*(const json_t *const *)a, "product_id");
    const json_t *y = json_object_get(*(const json_t *const *)b, "product_id");
    json_int_t p = json_integer_value(x);
    json_int_t q = json_integer_value(y);

    if (json_is_integer(x) != json_is_integer(y))
        return json_is_integer(x) ? -1 : 1;
    if (json_is_integer(x))
        return (p > q) - (p < q);
    return json_is_string(x) && json_is_string(y)
               ? strcmp(json_string_value(x), json_string_value(y))
               : 0;
}

/* Below the table: why a sale sells nothing, since when, and what to do. */
static void print_trouble(FILE *out, const json_t *sale)
{
    static const char *const members[] = {"product_id", "state", "since", "reason", "next_step"};
    char texts[5][128];

    if (!json_object_get(sale, "next_step"))
        return;
    for (size_t i = 0; i < 5; i++)
        show(json_object_get(sale, members[i]), texts[i]);
    fprintf(out, "%s is %s since %s: %s. %s\n", texts[0], texts[1], texts[2], texts[3], texts[4]);
}

static void print_list(FILE *out, const json_t *body)
{
    const json_t *products = json_object_get(body, "products");
    size_t count = json_array_size(products);
    const json_t **sales = calloc(count + 1, sizeof(const json_t *));

    print_head(out);
    for (size_t i = 0; sales && i < count; i++)
        sales[i] = json_array_get(products, i);
    if (sales)
        qsort(sales, count, sizeof(const json_t *), compare_sales);
    /* Without memory as they came. */
    for (size_t i = 0; i < count; i++)
        print_sale(out, sales ? sales[i] : json_array_get(products, i));
    free(sales);
    for (size_t i = 0; i < count; i++)
        print_trouble(out, json_array_get(products, i));
}

static void print_one(FILE *out, const json_t *body)
{
    print_head(out);
    print_sale(out, body);
}

static int list(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    return ask(options, io, "GET", "/admin/products", NULL, print_list);
}

/* The product of a list whose id, as text, is wanted; borrowed. */
static const json_t *find_product(const json_t *body, const char *wanted)
{
    json_t *products = json_object_get(body, "products");
    json_t *sale;
    size_t i;
    char text[128];

    json_array_foreach(products, i, sale)
    {
        if (strcmp(show(json_object_get(sale, "product_id"), text), wanted) == 0)
            return sale;
    }
    return NULL;
}

static int show_one(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    const char *wanted = options->operands[1];
    struct fs_cli_answer answer = {0};
    struct fs_cli_admin *admin;
    const json_t *sale;
    int rc = fs_cli_admin_create(options, io, true, &admin);

    if (rc != 0)
        return rc;
    rc = fs_cli_admin_ask(admin, "GET", "/admin/products", NULL, io, &answer);
    sale = rc == 0 ? find_product(answer.body, wanted) : NULL;
    if (rc == 0 && answer.status != 200)
        rc = refused(&answer, io);
    else if (rc == 0 && !sale)
        rc = fs_cli_fail(io, "there is no product %s", wanted);
    else if (rc == 0 && options->is_json)
        print_json(io->out, sale);
    else if (rc == 0)
        print_members(io->out, sale);
    fs_cli_answer_dispose(&answer);
    fs_cli_admin_destroy(admin);
    return rc;
}

/* A key of its own for each change, so that a repeat is known for one. */
static void make_key(char key[KEY_SIZE])
{
    unsigned char bytes[16] = {0};

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        abort();
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(key + 2 * i, 3, "%02x", bytes[i]);
}

static void add_operator(struct fs_cli_admin *admin, const struct fs_cli_options *options,
                         const struct fs_cli_io *io, char header[HEADER_SIZE])
{
    const char *name = options->operator_name;

    if (!name)
        name = fs_cli_variable(io, "FLASHSALE_OPERATOR");
    if (!name)
        name = fs_cli_variable(io, "USER");
    if (!name)
        return;
    snprintf(header, HEADER_SIZE, "X-Operator: %s", name);
    fs_cli_admin_header(admin, header);
}

/* Asks for a change.  Where it is not certain that it was refused, says how it is repeated safely. */
static int ask_change(const struct fs_cli_options *options, const struct fs_cli_io *io,
                      const char *method, const char *path, const json_t *body)
{
    char key[KEY_SIZE], key_header[HEADER_SIZE], operator_header[HEADER_SIZE];
    struct fs_cli_answer answer = {0};
    struct fs_cli_admin *admin;
    int rc = fs_cli_admin_create(options, io, true, &admin);

    if (rc != 0)
        return rc;
    make_key(key);
    snprintf(key_header, sizeof(key_header), "Idempotency-Key: %s",
             options->key ? options->key : key);
    fs_cli_admin_header(admin, key_header);
    add_operator(admin, options, io, operator_header);
    rc = fs_cli_admin_ask(admin, method, path, body, io, &answer);
    if (rc == 0 && (answer.status < 200 || answer.status > 299))
        rc = refused(&answer, io);
    else if (rc == 0 && options->is_json)
        print_json(io->out, answer.body);
    else if (rc == 0)
        (json_object_get(answer.body, "state") ? print_one : print_members)(io->out, answer.body);
    if (rc != 0 && (answer.status == 0 || answer.status >= 500))
        fs_cli_fail(io, "the change may have been made: repeat the command with --key %s",
                    options->key ? options->key : key);
    fs_cli_answer_dispose(&answer);
    fs_cli_admin_destroy(admin);
    return rc;
}

static int change(const struct fs_cli_options *options, const struct fs_cli_io *io,
                  const char *method, json_t *body)
{
    char path[ID_LEN_MAX + 32];
    int rc;

    snprintf(path, sizeof(path), "/admin/products/%s", options->operands[1]);
    rc = body ? ask_change(options, io, method, path, body) : fs_cli_fail(io, "out of memory");
    json_decref(body);
    return rc;
}

static int set_state(const struct fs_cli_options *options, const struct fs_cli_io *io,
                     const char *state)
{
    return change(options, io, "PATCH", json_pack("{s:s}", "state", state));
}

static int pause_sale(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    return set_state(options, io, "paused");
}

static int open_sale(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    return set_state(options, io, "open");
}

static int close_sale(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    return set_state(options, io, "closed");
}

static int delete_sale(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    char path[ID_LEN_MAX + 48];

    snprintf(path, sizeof(path), "/admin/products/%s%s", options->operands[1],
             options->is_forced ? "?force=1" : "");
    return ask_change(options, io, "DELETE", path, NULL);
}

static int limits(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    static const char *const members[] = {"per_user_max", "max_quantity"};
    json_t *body = json_object();

    for (int i = 0; i < 2; i++) {
        const char *typed = options->operands[2 + i];
        json_int_t units;

        if (strcmp(typed, "-") == 0)
            continue;
        if (!read_units(typed, &units)) {
            json_decref(body);
            return fs_cli_usage(io, "stock limits: %s is no number of units, nor - for unchanged",
                                typed);
        }
        json_object_set_new(body, members[i], json_integer(units));
    }
    return change(options, io, "PATCH", body);
}

static int window(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    static const char *const members[] = {"opens_at", "closes_at"};
    json_t *body = json_object();

    for (int i = 0; i < 2; i++) {
        const char *typed = options->operands[2 + i];

        if (strcmp(typed, "-") != 0)
            json_object_set_new(body, members[i],
                                strcmp(typed, "none") == 0 ? json_null() : json_string(typed));
    }
    return change(options, io, "PATCH", body);
}

static int set(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    json_int_t units;

    if (!read_units(options->operands[2], &units))
        return fs_cli_usage(io, "stock set: %s is no number of units", options->operands[2]);
    return change(options, io, "PUT",
                  options->is_reset ? json_pack("{s:I, s:b}", "stock", units, "reset", 1)
                                    : json_pack("{s:I}", "stock", units));
}

static int add(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    bool is_taken = options->operands[2][0] == '-'; /* unsold units are taken out */
    json_int_t units;

    if (!read_units(options->operands[2] + is_taken, &units))
        return fs_cli_usage(io, "stock add: %s is no number of units", options->operands[2]);
    return change(options, io, "PATCH", json_pack("{s:I}", "add", is_taken ? -units : units));
}

static int audit(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    char path[ID_LEN_MAX + 32];

    snprintf(path, sizeof(path), "/admin/products/%s/audit", options->operands[1]);
    return ask(options, io, "GET", path, NULL, print_members);
}

struct subcommand {
    const char *name;
    int operand_count; /* its own name counted */
    const char *usage;
    int (*run)(const struct fs_cli_options *options, const struct fs_cli_io *io);
};

static const struct subcommand subcommands[] = {
    {"list", 1, "stock list", list},
    {"show", 2, "stock show ID", show_one},
    {"set", 3, "stock set ID N", set},
    {"add", 3, "stock add ID N  (stock add ID -- -N takes unsold units out)", add},
    {"audit", 2, "stock audit ID", audit},
    {"pause", 2, "stock pause ID", pause_sale},
    {"open", 2, "stock open ID", open_sale},
    {"close", 2, "stock close ID", close_sale},
    {"limits", 4, "stock limits ID A-BUYER AN-ORDER  (- leaves one as it is, 0 is none)", limits},
    {"window", 4,
     "stock window ID OPENS CLOSES  (RFC 3339; - leaves one as it is, none removes it)", window},
    {"delete", 2, "stock delete ID [--force]", delete_sale},
};

#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static int refuse_subcommand(const char *typed, const struct fs_cli_io *io)
{
    const char *words[SUBCOMMAND_COUNT];
    const char *nearest;

    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        words[i] = subcommands[i].name;
    nearest = fs_cli_suggest(typed, words, SUBCOMMAND_COUNT);
    if (nearest)
        return fs_cli_usage(io, "there is no stock %s; did you mean stock %s?", typed, nearest);
    return fs_cli_usage(
        io,
        "there is no stock %s: use list, show, set, add, pause, open, close, limits, "
        "window, delete or audit",
        typed);
}

int fs_cli_stock(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    if (options->operand_count == 0)
        return fs_cli_usage(io, "stock needs one of list, show, set, add, pause, open, close, "
                                "limits, window, delete and audit");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        const struct subcommand *sub = &subcommands[i];

        if (strcmp(sub->name, options->operands[0]) != 0)
            continue;
        if (options->operand_count != sub->operand_count)
            return fs_cli_usage(io, "usage: flashsale %s", sub->usage);
        if (sub->operand_count > 1 && !is_id(options->operands[1]))
            return fs_cli_usage(io, "\"%s\" is no product: ids are 1 to %d of [A-Za-z0-9_-]",
                                options->operands[1], ID_LEN_MAX);
        return sub->run(options, io);
    }
    return refuse_subcommand(options->operands[0], io);
}

int fs_cli_healthcheck(const struct fs_cli_options *options, const struct fs_cli_io *io)
{
    struct fs_cli_answer answer = {0};
    struct fs_cli_admin *admin;
    int rc = fs_cli_admin_create(options, io, false, &admin);

    if (rc != 0)
        return rc;
    rc = fs_cli_admin_ask(admin, "GET", "/readyz", NULL, io, &answer);
    if (rc == 0 && answer.status != 200)
        rc = refused(&answer, io);
    else if (rc == 0)
        fputs("ready\n", io->out);
    fs_cli_answer_dispose(&answer);
    fs_cli_admin_destroy(admin);
    return rc;
}
