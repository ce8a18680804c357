/* Which lines and branches of the scripts ran.
 *
 * Lines and branches are read from the compiled scripts (lua_dump): a branch is an instruction with two
 * successors, and each successor on another line is one way that it can go.  While scripts run, a hook
 * counts each line together with the line before it in the same function.  Ways that stay on their line,
 * such as those of "a and b or c", are not seen. */
#include "sim/store_lua.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LEN 12u
#define DEPTH_MAX 64u

enum opcode {
    JMP = 22,
    EQ = 23,
    LT = 24,
    LE = 25,
    TEST = 26,
    TESTSET = 27,
    RETURN = 30,
    FORLOOP = 31,
    TFORLOOP = 33
};

struct sim_coverage {
    size_t line_count;
    bool *is_code;
    bool *is_way;    /* by line and next line */
    uint64_t *runs;  /* by line, from 1 */
    uint64_t *pairs; /* by line and next line */
};

struct sim_trail {
    size_t script;
    size_t depth;
    int lines[DEPTH_MAX]; /* the last one of each function that is called */
};

/* The compiled script */

struct dump {
    char *bytes;
    size_t len, capacity;
    size_t at;
};

static int on_dumped(lua_State *state, const void *bytes, size_t len, void *data)
{
    struct dump *dump = data;

    (void)state;
    dump->bytes = sim_grow(dump->bytes, &dump->capacity, dump->len + len, 1);
    memcpy(dump->bytes + dump->len, bytes, len);
    dump->len += len;
    return 0;
}

static const char *take(struct dump *dump, size_t len)
{
    if (len > dump->len - dump->at)
        abort();
    dump->at += len;
    return dump->bytes + dump->at - len;
}

static size_t take_int(struct dump *dump)
{
    int number;

    memcpy(&number, take(dump, sizeof(number)), sizeof(number));
    return (size_t)number;
}

static void skip_string(struct dump *dump)
{
    size_t len;

    memcpy(&len, take(dump, sizeof(len)), sizeof(len));
    take(dump, len);
}

static void skip_constants(struct dump *dump)
{
    for (size_t count = take_int(dump); count > 0; count--) {
        char type = *take(dump, 1);

        if (type == LUA_TSTRING)
            skip_string(dump);
        else
            take(dump, type == LUA_TNUMBER ? sizeof(lua_Number) : type == LUA_TBOOLEAN ? 1 : 0);
    }
}

static uint32_t instruction_at(const char *code, size_t index)
{
    uint32_t instruction;

    memcpy(&instruction, code + index * sizeof(instruction), sizeof(instruction));
    return instruction;
}

static unsigned opcode_of(uint32_t instruction)
{
    return instruction & 0x3f;
}

/* Where a jump at this index goes. */
static size_t target_of(const char *code, size_t index)
{
    return index + 1 + (instruction_at(code, index) >> 14) - 131071;
}

static void add_way(struct sim_coverage *coverage, int from, int to)
{
    if (from != to)
        coverage->is_way[(size_t)from * coverage->line_count + (size_t)to] = true;
}

static void note_code(struct sim_coverage *coverage, const char *code, const char *lines,
                      size_t count)
{
#define LINE(index) ((int)instruction_at(lines, index))
    for (size_t i = 0; i < count; i++) {
        unsigned opcode = opcode_of(instruction_at(code, i));

        if (i + 1 == count && i > 0 && opcode_of(instruction_at(code, i - 1)) == RETURN)
            continue; /* every function ends with one more than it needs */
        coverage->is_code[LINE(i)] = true;
        if (opcode == FORLOOP) {
            add_way(coverage, LINE(i), LINE(i + 1));
            add_way(coverage, LINE(i), LINE(target_of(code, i)));
        } else if ((opcode >= EQ && opcode <= TESTSET) || opcode == TFORLOOP) {
            add_way(coverage, LINE(i), LINE(i + 2));
            add_way(coverage, LINE(i), LINE(target_of(code, i + 1)));
        }
    }
#undef LINE
}

static void read_function(struct sim_coverage *coverage, struct dump *dump)
{
    const char *code, *lines;
    size_t count;

    skip_string(dump);
    take(dump, 2 * sizeof(int) + 4);
    count = take_int(dump);
    code = take(dump, count * sizeof(uint32_t));
    skip_constants(dump);
    for (size_t inner = take_int(dump); inner > 0; inner--)
        read_function(coverage, dump);
    if (take_int(dump) != count)
        abort(); /* a line for each instruction */
    lines = take(dump, count * sizeof(int));
    for (size_t locals = take_int(dump); locals > 0; locals--) {
        skip_string(dump);
        take(dump, 2 * sizeof(int));
    }
    for (size_t upvalues = take_int(dump); upvalues > 0; upvalues--)
        skip_string(dump);
    note_code(coverage, code, lines, count);
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (!memory)
        abort();
    return memory;
}

static void prepare(struct sim_lua *lua, struct sim_script *script)
{
    struct sim_coverage *coverage = zeroed(1, sizeof(*coverage));
    struct dump dump = {.at = HEADER_LEN};
    size_t lines = 2;

    for (const char *at = script->source; *at; at++)
        lines += *at == '\n';
    coverage->line_count = lines;
    coverage->is_code = zeroed(lines, sizeof(bool));
    coverage->is_way = zeroed(lines * lines, sizeof(bool));
    coverage->runs = zeroed(lines, sizeof(uint64_t));
    coverage->pairs = zeroed(lines * lines, sizeof(uint64_t));
    lua_rawgeti(lua->state, LUA_REGISTRYINDEX, script->function);
    lua_dump(lua->state, on_dumped, &dump);
    lua_pop(lua->state, 1);
    read_function(coverage, &dump);
    free(dump.bytes);
    script->coverage = coverage;
}

/* Running */

static void on_event(lua_State *state, lua_Debug *where)
{
    struct sim_coverage *coverage;
    struct sim_trail *trail;
    struct sim_lua *lua;
    size_t line;

    lua_getfield(state, LUA_REGISTRYINDEX, "sim_lua");
    lua = lua_touserdata(state, -1);
    lua_pop(state, 1);
    trail = lua->trail;
    if (where->event == LUA_HOOKCALL) {
        trail->depth++;
        if (trail->depth < DEPTH_MAX)
            trail->lines[trail->depth] = 0;
        return;
    }
    if (where->event != LUA_HOOKLINE) {
        trail->depth -= trail->depth > 0;
        return;
    }
    coverage = lua->scripts[trail->script].coverage;
    line = (size_t)where->currentline;
    if (line >= coverage->line_count || trail->depth >= DEPTH_MAX)
        return;
    coverage->runs[line]++;
    coverage->pairs[(size_t)trail->lines[trail->depth] * coverage->line_count + line]++;
    trail->lines[trail->depth] = where->currentline;
}

void sim_lua_record_coverage(struct sim_lua *lua)
{
    if (lua->trail)
        return;
    lua->trail = zeroed(1, sizeof(*lua->trail));
    lua_pushlightuserdata(lua->state, lua);
    lua_setfield(lua->state, LUA_REGISTRYINDEX, "sim_lua");
}

void sim_coverage_begin(struct sim_lua *lua, size_t number)
{
    if (!lua->scripts[number].coverage)
        prepare(lua, &lua->scripts[number]);
    *lua->trail = (struct sim_trail){.script = number};
    lua_sethook(lua->state, on_event, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE, 0);
}

void sim_coverage_end(struct sim_lua *lua)
{
    lua_sethook(lua->state, NULL, 0, 0);
}

void sim_coverage_dispose(struct sim_lua *lua)
{
    for (size_t i = 0; i < lua->script_count; i++) {
        struct sim_coverage *coverage = lua->scripts[i].coverage;

        if (!coverage)
            continue;
        free(coverage->is_code);
        free(coverage->is_way);
        free(coverage->runs);
        free(coverage->pairs);
        free(coverage);
    }
    free(lua->trail);
}

/* The report */

static void print_line(const struct sim_script *script, size_t number, FILE *out)
{
    const char *at = script->source;

    for (size_t line = 1; line < number; line++)
        at = strchr(at, '\n') + 1;
    at += strspn(at, " ");
    fprintf(out, "%.*s\n", (int)strcspn(at, "\n"), at);
}

static void print_missed(const struct sim_script *script, FILE *out)
{
    const struct sim_coverage *coverage = script->coverage;

    for (size_t i = 1; i < coverage->line_count; i++) {
        if (coverage->is_code[i] && coverage->runs[i] == 0) {
            fprintf(out, "    line %zu did not run: ", i);
            print_line(script, i, out);
        }
        for (size_t k = 1; k < coverage->line_count; k++)
            if (coverage->is_way[i * coverage->line_count + k] && coverage->runs[i] > 0 &&
                coverage->pairs[i * coverage->line_count + k] == 0) {
                fprintf(out, "    line %zu never went on at %zu: ", i, k);
                print_line(script, i, out);
            }
    }
}

static void print_script(const struct sim_script *script, FILE *out)
{
    const struct sim_coverage *coverage = script->coverage;
    size_t lines = 0, lines_run = 0, ways = 0, ways_gone = 0;

    for (size_t i = 1; i < coverage->line_count; i++) {
        lines += coverage->is_code[i];
        lines_run += coverage->is_code[i] && coverage->runs[i] > 0;
        for (size_t k = 1; k < coverage->line_count; k++) {
            size_t at = i * coverage->line_count + k;

            ways += coverage->is_way[at];
            ways_gone += coverage->is_way[at] && coverage->pairs[at] > 0;
        }
    }
    fprintf(out, "  %s: %zu of %zu lines, %zu of %zu branches\n",
            script->name ? script->name : script->digest, lines_run, lines, ways_gone, ways);
    print_missed(script, out);
}

void sim_lua_print_coverage(const struct sim_lua *lua, FILE *out)
{
    for (size_t i = 0; i < lua->script_count; i++)
        if (lua->scripts[i].coverage)
            print_script(&lua->scripts[i], out);
        else
            fprintf(out, "  %s: never ran\n",
                    lua->scripts[i].name ? lua->scripts[i].name : lua->scripts[i].digest);
}
