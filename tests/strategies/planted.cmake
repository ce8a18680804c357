# Strategies with one bug each that only an audit of a whole run can see: the template with some places
# of its text replaced.  tests/bench_audit runs a server with each under load.
#
# fs_planted(<name> REPLACE <from> <to> [<from> <to> ...])
function(fs_planted name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "REPLACE")
    file(READ ${template_dir}/template.c text)
    list(LENGTH arg_REPLACE count)
    math(EXPR last "${count} - 1")
    foreach(i RANGE 0 ${last} 2)
        math(EXPR j "${i} + 1")
        list(GET arg_REPLACE ${i} from)
        list(GET arg_REPLACE ${j} to)
        string(FIND "${text}" "${from}" first)
        string(FIND "${text}" "${from}" second REVERSE)
        if(first EQUAL -1 OR NOT first EQUAL second)
            message(FATAL_ERROR "planted ${name}: \"${from}\" is not in template.c exactly once")
        endif()
        string(REPLACE "${from}" "${to}" text "${text}")
    endforeach()
    set(source ${CMAKE_CURRENT_BINARY_DIR}/planted/${name}.c)
    file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
    add_library(planted_${name} MODULE ${source} ${template_dir}/tables.c)
    set_target_properties(planted_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/strategies/planted)
    target_include_directories(planted_${name} PRIVATE ${template_dir} ${CMAKE_SOURCE_DIR}/core/include)
    target_link_libraries(planted_${name} PRIVATE Threads::Threads)
    # The loader refuses what others may write to, and a umask of 002 would make it so.
    add_custom_command(TARGET planted_${name} POST_BUILD
        COMMAND chmod go-w $<TARGET_FILE_DIR:planted_${name}> $<TARGET_FILE:planted_${name}>)
endfunction()

fs_planted(no_idempotency_check
    REPLACE "if (order)\n        return replay(" "if (order && !purchase)\n        return replay(")
fs_planted(sells_one_too_many
    REPLACE "units > info->units_left)" "units > info->units_left + 1)")
# Of the orders one in 32 is acknowledged and not recorded.
fs_planted(loses_writes
    REPLACE "    order = calloc(1, sizeof(*order));\n    if (!order)\n        return unavailable;"
            "    if (purchase->order.data[0] == 'a')\n        return outcome;\n    order = calloc(1, sizeof(*order));\n    if (!order)\n        return unavailable;")
# A lock whose lease ends while its holder works: the next one reads the same number of units, and both
# write what they made of it, since nobody compares a fence.
fs_planted(unfenced_lock
    REPLACE "#include <time.h>" "#include <time.h>\n#include <unistd.h>"
            "    return sell(template, sale, share, order, purchase);"
            "    int64_t units_read = sale->info.units_left;\n    pthread_mutex_unlock(&template->mutex);\n    usleep(200);\n    pthread_mutex_lock(&template->mutex);\n    sale->info.units_left = units_read;\n    return sell(template, sale, share, order, purchase);")
# The units of one shard in four are never asked for.
fs_planted(skips_a_shard
    REPLACE "units > info->units_left)" "units > info->units_left - info->units_initial / 4)")
fs_planted(refuses_now_and_then
    REPLACE "units > info->units_left)"
            "units > info->units_left || __extension__({ static unsigned asked; ++asked % 8 == 0; }))")
fs_planted(no_limit_check
    REPLACE "bought + units > info->units_per_buyer_max" "bought < 0")
fs_planted(returns_units_twice
    REPLACE "info->units_left += order->info.units;" "info->units_left += 2 * (int64_t)order->info.units;")
fs_planted(replays_without_a_mark
    REPLACE ".replayed = true,\n                               .units_left = info.units_left," ".units_left = info.units_left,")
fs_planted(replays_the_remaining_of_now
    REPLACE "    return (struct fs_outcome){.verdict = FS_DONE,\n                               .replayed = true,\n                               .units_left = info.units_left,"
            "    return (struct fs_outcome){.verdict = FS_DONE,\n                               .replayed = true,\n                               .units_left = order->sale->info.units_left,")
# Each order takes a unit more than was asked for, and all books agree on it.
fs_planted(takes_more_than_asked
    REPLACE "    info->units_left -= purchase->units;\n    info->units_sold += purchase->units;"
            "    info->units_left -= purchase->units + 1;\n    info->units_sold += purchase->units + 1;"
            "    share->units += purchase->units;" "    share->units += purchase->units + 1;"
            "(struct fs_order_info){.units = purchase->units," "(struct fs_order_info){.units = purchase->units + 1,")
# The books are right, and the order that its buyer is shown is of one unit.
fs_planted(keeps_orders_of_one_unit
    REPLACE "    info.order = text_of(&order->name);" "    info.order = text_of(&order->name);\n    info.units = 1;")
# Who cancelled has still bought: the limit is reached too early.
fs_planted(forgets_who_cancelled
    REPLACE "    share->units -= order->info.units;" "    share->units -= 0;")
# Looks at the stock are answered with what it was in the beginning.
fs_planted(shows_the_stock_of_the_start
    REPLACE "        outcome = tell(template, op, sale);\n    pthread"
            "        outcome = tell(template, op, &(struct sale){.product = sale->product, .info = {.state = FS_SALE_OPEN, .units_left = sale->info.units_initial, .units_initial = sale->info.units_initial}});\n    pthread")
fs_planted(restocks_without_counting
    REPLACE "info->units_restocked += change->units_add;" "info->units_restocked += 0;")
# One order in 32 is sold and recorded, and its buyer is told that nothing was taken.
fs_planted(sells_and_says_unavailable
    REPLACE "    outcome = decide(template, op, purchase);\n    pthread_mutex_unlock(&template->mutex);"
            "    outcome = decide(template, op, purchase);\n    pthread_mutex_unlock(&template->mutex);\n    if (outcome.verdict == FS_DONE && purchase->order.data[0] == 'a')\n        outcome = (struct fs_outcome){.verdict = FS_UNAVAILABLE, .units_left = -1};")
# Nothing wrong with it, but its answers come when nobody waits any more.
fs_planted(answers_late
    REPLACE "#include <time.h>" "#include <time.h>\n#include <unistd.h>"
            "    outcome = decide(template, op, purchase);\n    pthread_mutex_unlock(&template->mutex);"
            "    outcome = decide(template, op, purchase);\n    pthread_mutex_unlock(&template->mutex);\n    usleep(2000);")
