# The mutants; see CMakeLists.txt.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${template_dir}/template.c)

# fs_mutant(<name> FROM <text> TO <text> CAUGHT_BY <test>)
# fs_mutant(<name> FROM <text> TO <text> CAUGHT_BY <test> STOPPED_BY <regex>): the program ends in
# that test with that message.
function(fs_mutant name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FROM;TO;CAUGHT_BY;STOPPED_BY" "")
    file(READ ${template_dir}/template.c text)
    string(FIND "${text}" "${arg_FROM}" first)
    string(FIND "${text}" "${arg_FROM}" last REVERSE)
    if(first EQUAL -1 OR NOT first EQUAL last)
        message(FATAL_ERROR "mutant ${name}: \"${arg_FROM}\" is not in template.c exactly once")
    endif()
    string(REPLACE "${arg_FROM}" "${arg_TO}" text "${text}")
    set(source ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}.c)
    file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
    add_library(mutant_${name} MODULE ${source} ${template_dir}/tables.c)
    set_target_properties(mutant_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/strategies/mutants)
    target_include_directories(mutant_${name} PRIVATE ${template_dir} ${CMAKE_SOURCE_DIR}/core/include)
    target_link_libraries(mutant_${name} PRIVATE Threads::Threads)
    add_test(NAME mutants/${name} COMMAND ${CMAKE_COMMAND}
        -DPROGRAM=$<TARGET_FILE:test_conformance> -DMODULE=$<TARGET_FILE:mutant_${name}>
        -DCAUGHT_BY=${arg_CAUGHT_BY} -DSTOPPED_BY=${arg_STOPPED_BY}
        -P ${CMAKE_CURRENT_SOURCE_DIR}/run_mutant.cmake)
    set_tests_properties(mutants/${name} PROPERTIES TIMEOUT 120 LABELS conformance)
endfunction()

fs_mutant(oversells_by_one
    FROM "units > info->units_left)" TO "units > info->units_left + 1)"
    CAUGHT_BY of_100_units_exactly_100_are_sold)
fs_mutant(undersells_by_one
    FROM "units > info->units_left)" TO "units >= info->units_left)"
    CAUGHT_BY of_100_units_exactly_100_are_sold)
fs_mutant(refuses_the_last_units
    FROM "units > info->units_left)" TO "units > info->units_left || (units > 1 && units == info->units_left))"
    CAUGHT_BY all_units_that_are_left_can_be_bought_at_once)
fs_mutant(refuses_while_enough_is_left
    FROM "units > info->units_left)" TO "units > info->units_left || (units > 1 && info->units_left < 100))"
    CAUGHT_BY no_purchase_is_refused_while_enough_is_left)
fs_mutant(forgets_orders
    FROM "if (order)\n        return replay(" TO "if (order && !purchase)\n        return replay("
    CAUGHT_BY the_same_order_at_once_is_one_sale)
fs_mutant(replays_whatever_units
    FROM "order->info.units != purchase->units" TO "!purchase->units"
    CAUGHT_BY an_order_for_other_units_is_refused)
fs_mutant(replays_to_any_buyer
    FROM "!fs_template_is(&order->buyer, purchase->buyer)" TO "!purchase"
    CAUGHT_BY an_order_of_another_buyer_is_refused STOPPED_BY "ops_tell_order: Assertion")
fs_mutant(replays_the_units_left_of_now
    FROM ".units_left = info.units_left,\n                               .epoch = info.epoch,\n                               .sequence = info.sequence};\n}\n\n/* Whether"
    TO ".units_left = order->sale->info.units_left,\n                               .epoch = info.epoch,\n                               .sequence = info.sequence};\n}\n\n/* Whether"
    CAUGHT_BY a_replay_answers_the_first_decision)
fs_mutant(cancels_twice
    FROM "outcome.replayed = order->info.status == FS_ORDER_CANCELLED;" TO "outcome.replayed = false;"
    CAUGHT_BY an_order_cancelled_at_once_is_cancelled_once)
fs_mutant(cancels_without_the_share
    FROM "share->units -= order->info.units;" TO "share->units -= 0;"
    CAUGHT_BY a_cancelled_order_gives_its_share_back)
fs_mutant(cancels_without_the_units
    FROM "info->units_left += order->info.units;" TO "info->units_left += 0;"
    CAUGHT_BY a_cancelled_order_gives_its_units_back)
fs_mutant(cancels_orders_of_an_earlier_epoch
    FROM "order->info.epoch != order->sale->info.epoch" TO "order->info.epoch == 0"
    CAUGHT_BY an_order_of_an_earlier_epoch_is_kept_but_not_cancelled)
fs_mutant(shows_orders_to_any_buyer
    FROM "!fs_template_is(&order->buyer, ref->buyer)" TO "!ref"
    CAUGHT_BY an_order_is_unknown_to_another_buyer STOPPED_BY "ops_tell_order: Assertion")
fs_mutant(share_off_by_one
    FROM "bought + units > info->units_per_buyer_max" TO "bought + units > info->units_per_buyer_max + 1"
    CAUGHT_BY a_buyer_gets_exactly_their_share)
fs_mutant(share_outlives_the_epoch
    FROM "sale, sale->info.epoch, purchase->buyer);" TO "sale, 1, purchase->buyer);"
    CAUGHT_BY a_reset_gives_each_buyer_a_new_share)
fs_mutant(units_per_order_off_by_one
    FROM "units > info->units_per_order_max" TO "units >= info->units_per_order_max"
    CAUGHT_BY an_order_above_the_units_per_order_is_too_many)
fs_mutant(never_closes
    FROM "now_ms >= info->closes_at_ms" TO "now_ms < 0"
    CAUGHT_BY a_sale_closes_by_its_window)
fs_mutant(opens_at_once
    FROM "now_ms < info->opens_at_ms" TO "now_ms < 0"
    CAUGHT_BY a_sale_opens_by_its_window)
fs_mutant(changes_twice
    FROM "if (made)\n        return replay_change(" TO "if (made && !asked)\n        return replay_change("
    CAUGHT_BY the_same_change_is_made_once)
fs_mutant(restocks_without_counting
    FROM "info->units_restocked += change->units_add;" TO "info->units_restocked += 0;"
    CAUGHT_BY a_restock_adds_units)
fs_mutant(sells_without_a_record
    FROM "info->sequence++;\n    share->units +=" TO "share->units +="
    CAUGHT_BY each_record_raises_the_sequence_by_one)
fs_mutant(completes_twice
    FROM "outcome = decide(template, op, purchase);\n    pthread_mutex_unlock(&template->mutex);"
    TO "outcome = decide(template, op, purchase);\n    pthread_mutex_unlock(&template->mutex);\n    template->host->complete(op, &outcome);"
    CAUGHT_BY a_product_that_was_not_created_is_unknown STOPPED_BY "assert_open: Assertion")
fs_mutant(never_completes_a_refusal
    FROM "    template->host->complete(op, &outcome);\n}\n\n/* Orders */"
    TO "    if (outcome.verdict != FS_SOLD_OUT)\n        template->host->complete(op, &outcome);\n}\n\n/* Orders */"
    CAUGHT_BY of_1_unit_exactly_1_is_sold STOPPED_BY "did not end in time")
