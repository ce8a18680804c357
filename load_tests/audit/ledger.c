/* GET /admin/products/{id}/audit: every strategy tells the same names, and more of its own. */
#include "audit/ledger.h"

#include <errno.h>
#include <stdio.h>

static int take(const json_t *terms, const char *name, int64_t *value)
{
    const json_t *term = json_object_get(terms, name);

    if (!json_is_integer(term))
        return -EINVAL;
    *value = json_integer_value(term);
    return 0;
}

int fs_ledger_parse(const json_t *answer, struct fs_ledger_terms *terms)
{
    const json_t *told = json_object_get(answer, "terms");
    const json_t *sound = json_object_get(answer, "sound");
    struct fs_ledger_terms read = {.known = true, .orders = -1, .orders_cancelled = -1};

    if (!json_is_boolean(sound) || take(told, "units_initial", &read.initial) != 0 ||
        take(told, "units_restocked", &read.restocked) != 0 ||
        take(told, "units_left", &read.left) != 0 || take(told, "units_sold", &read.sold) != 0)
        return -EINVAL;
    read.consistent = json_is_true(sound);
    take(told, "units_in_transit", &read.in_transit); /* a strategy that moves nothing has none */
    take(told, "orders_sold", &read.orders);
    take(told, "orders_cancelled", &read.orders_cancelled);
    *terms = read;
    return 0;
}

int fs_ledger_read(struct fs_asker *admin, const char *product, struct fs_ledger_terms *terms,
                   char *problem, size_t problem_size)
{
    const struct fs_answer_text *text;
    char path[128];
    json_t *answer;
    long status;
    int rc;

    *terms = (struct fs_ledger_terms){.orders = -1, .orders_cancelled = -1};
    snprintf(path, sizeof(path), "/admin/products/%.64s/audit", product);
    status = fs_asker_get(admin, path, &text, problem, problem_size);
    if (status == 0)
        return -EPROTO;
    answer = json_loadb(text->data ? text->data : "", text->len, 0, NULL);
    rc = status == 200 && answer ? fs_ledger_parse(answer, terms) : -EPROTO;
    if (rc != 0)
        snprintf(problem, problem_size, "GET %s answered %ld%s", path, status,
                 status == 200 ? " without the terms of a ledger" : "");
    json_decref(answer);
    return rc == 0 ? 0 : -EPROTO;
}

int fs_ledger_read_shown(struct fs_asker *shop, const char *product, int64_t *units)
{
    const struct fs_answer_text *text;
    char problem[256];
    char path[128];
    json_t *answer = NULL;
    int rc = -EPROTO;

    snprintf(path, sizeof(path), "/inventory/%.64s", product);
    if (fs_asker_get(shop, path, &text, problem, sizeof(problem)) == 200)
        answer = json_loadb(text->data ? text->data : "", text->len, 0, NULL);
    if (answer && take(answer, "stock", units) == 0)
        rc = 0;
    json_decref(answer);
    return rc;
}

bool fs_ledger_is_same(const struct fs_ledger_terms *a, const struct fs_ledger_terms *b)
{
    return a->known == b->known && a->consistent == b->consistent && a->initial == b->initial &&
           a->restocked == b->restocked && a->left == b->left && a->sold == b->sold &&
           a->in_transit == b->in_transit && a->orders == b->orders &&
           a->orders_cancelled == b->orders_cancelled;
}
