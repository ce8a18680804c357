# Mutants: the strategies with one mistake planted in their own code, to prove that the simulator sees it.
#
# fs_sim_mutant(<name> <strategy> [RARE|NIGHTLY] IN <file>... FROM <text> TO <text>)
#   file  a .c below strategies/, or the name of an embedded script; the text stands on one line of each
#   RARE  found in so few seeds that 20,000 are run, at night; NIGHTLY  takes long to be found
# Only the named files are compiled again.  sim/mutants/<name> passes when a run of 2,000 seeds fails;
# README.md says in how many of them it does.
function(fs_sim_mutant name strategy)
    cmake_parse_arguments(PARSE_ARGV 2 arg "RARE;NIGHTLY" "FROM;TO" "IN")
    if((arg_RARE OR arg_NIGHTLY) AND NOT FLASHSALE_NIGHTLY)
        return()
    endif()
    set(seeds 2000)
    if(arg_RARE)
        set(seeds 20000)
    endif()
    set(objects $<TARGET_OBJECTS:${strategy}_so>)
    if(NOT strategy STREQUAL "v1")
        list(APPEND objects $<TARGET_OBJECTS:fs_ledger>)
    endif()
    set(sources)
    foreach(file IN LISTS arg_IN)
        if(file MATCHES "\\.c$")
            set(path ${CMAKE_SOURCE_DIR}/strategies/${file})
        else()
            foreach(folder ledger v2_lock v4_shards)
                if(EXISTS ${CMAKE_BINARY_DIR}/strategies/${folder}/${file}.c)
                    set(path ${CMAKE_BINARY_DIR}/strategies/${folder}/${file}.c)
                endif()
            endforeach()
        endif()
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
        file(READ ${path} text)
        string(FIND "${text}" "${arg_FROM}" at)
        if(at EQUAL -1) # a failing test, not a build that nobody can configure
            add_test(NAME sim/mutants/${name} COMMAND ${CMAKE_COMMAND} -E echo
                "${file} has no longer: ${arg_FROM}")
            set_tests_properties(sim/mutants/${name} PROPERTIES LABELS sim
                FAIL_REGULAR_EXPRESSION "has no longer")
            return()
        endif()
        string(REPLACE "${arg_FROM}" "${arg_TO}" text "${text}")
        get_filename_component(base ${path} NAME)
        set(source ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${base})
        file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
        list(APPEND sources ${source})
        string(REPLACE "." "\\." pattern "/${base}.o$")
        list(TRANSFORM objects PREPEND "$<FILTER:")
        list(TRANSFORM objects APPEND ",EXCLUDE,${pattern}>")
    endforeach()
    add_library(sim_mutant_${name} MODULE ${sources} ${objects})
    set_target_properties(sim_mutant_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/sim/mutants)
    get_filename_component(own ${path} DIRECTORY)
    target_include_directories(sim_mutant_${name} PRIVATE ${own} ${CMAKE_SOURCE_DIR}/strategies
        ${CMAKE_SOURCE_DIR}/core/include)
    target_compile_options(sim_mutant_${name} PRIVATE -Wno-unused -Wno-unused-parameter)
    target_link_libraries(sim_mutant_${name} PRIVATE Threads::Threads)
    add_dependencies(sim_mutant_${name} ${strategy}_so)
    add_test(NAME sim/mutants/${name} COMMAND test_sim ${strategy}
        $<TARGET_FILE:sim_mutant_${name}> --seeds 1 ${seeds} --no-shrink)
    set_tests_properties(sim/mutants/${name} PROPERTIES LABELS sim TIMEOUT 300
        PASS_REGULAR_EXPRESSION "again: FS_SEED=")
endfunction()

# v1
fs_sim_mutant(answered_before_it_is_durable v1 IN v1_mutex/worker.c
    FROM "    if (!v1->options.is_durable ||" TO "    if (true ||")
fs_sim_mutant(batch_is_not_synced v1 IN v1_mutex/journal.c
    FROM "    fs_v1_folder_sync_data(journal->setup.folder, name, journal->fd);" TO "")
fs_sim_mutant(short_write_is_taken_for_a_whole_one v1 IN v1_mutex/folder.c
    FROM "        len -= (size_t)written;" TO "        len = 0;")
fs_sim_mutant(failed_sync_is_taken_for_a_good_one v1 IN v1_mutex/folder.c
    FROM "    if (folder->files->sync(folder->files, fd, true) != 0)"
    TO "    if (folder->files->sync(folder->files, fd, true) > 0)")
fs_sim_mutant(order_of_v1_is_sold_again v1 IN v1_mutex/ledger_orders.c
    FROM "        replay_purchase(ledger, query, &ledger->orders[slot], decision);\n        return;"
    TO "        replay_purchase(ledger, query, &ledger->orders[slot], decision);\n        decision->outcome.replayed = false;\n        return;")
fs_sim_mutant(limit_of_v1_is_one_too_high v1 IN v1_mutex/ledger_orders.c
    FROM "units > sale->units_per_buyer_max)" TO "units > sale->units_per_buyer_max + 1)")

# The scripts of v3, which v2 and v4 use as well.
fs_sim_mutant(sells_one_more_than_there_is v3 IN fs_ledger_decide
    FROM "elseif units > left then" TO "elseif units > left + 1 then")
fs_sim_mutant(refuses_the_last_unit v3 IN fs_ledger_decide
    FROM "elseif units > left then" TO "elseif units >= left then")
fs_sim_mutant(sells_a_known_order_again v3 IN fs_ledger_decide
    FROM "    elseif text then" TO "    elseif text and made[order] then")
fs_sim_mutant(gives_units_back_twice v3 IN fs_ledger_decide
    FROM "seq, left, sold = seq + 1, left + units, sold - units"
    TO "seq, left, sold = seq + 1, left + 2 * units, sold - units")
fs_sim_mutant(cancels_a_cancelled_order_again v3 IN fs_ledger_decide
    FROM "elseif status == 'C' then" TO "elseif status == 'c' then")
fs_sim_mutant(cancels_an_order_of_an_earlier_epoch v3 IN fs_ledger_decide
    FROM "elseif tonumber(record_epoch) ~= epoch then" TO "elseif tonumber(record_epoch) > epoch then")
fs_sim_mutant(limit_per_buyer_is_one_too_high v3 IN fs_ledger_decide
    FROM "elseif had_before + units > per_buyer then" TO "elseif had_before + units > per_buyer + 1 then")
fs_sim_mutant(cancel_keeps_the_buyers_share v3 IN fs_ledger_decide
    FROM "    had[buyer] = had_before - units" TO "    had[buyer] = had_before")
fs_sim_mutant(epoch_is_not_compared v3 RARE IN fs_ledger_decide
    FROM "local behind = epoch < seen_epoch" TO "local behind = false")
fs_sim_mutant(watermark_is_not_looked_for v3 IN fs_ledger_decide
    FROM "behind = behind or sold_by ~= seen_seq and cancelled_by ~= seen_seq" TO "")
fs_sim_mutant(change_is_made_twice v3 IN fs_ledger_change
    FROM "    if made then" TO "    if made and made ~= asked then")
fs_sim_mutant(reset_keeps_the_buyers_shares v3 IN fs_ledger_change
    FROM "    redis.call('UNLINK', KEYS[2])" TO "")
fs_sim_mutant(lost_reply_is_called_not_sent v3 IN ledger/batch.c
    FROM "bool is_lost = reply->kind == FS_REPLY_LOST;" TO "bool is_lost = false; if (reply->kind == FS_REPLY_LOST) { const struct fs_reply no = {.kind = FS_REPLY_NOT_SENT}; fs_ledger_batch_fail(first, &no); return; }")
fs_sim_mutant(purchase_is_never_in_doubt v3 IN ledger/batch.c
    FROM "state->may_be_decided = state->may_be_decided || is_lost;" TO "")
fs_sim_mutant(refused_purchase_is_never_answered v3 IN ledger/batch.c
    FROM "        outcome.verdict = FS_BUSY;" TO "        return true;")
fs_sim_mutant(known_epochs_are_not_kept v3 IN ledger/known.c
    FROM "    if (entry && entry->epoch < epoch) {" TO "    if (entry && entry->epoch == UINT64_MAX) {")

# v2
fs_sim_mutant(fence_is_not_checked v2 IN fs_v2_write fs_v2_apply
    FROM "local is_holder = has_token and (redis.call('HGET', KEYS[1], 'fence') or '0') == fence"
    TO "local is_holder = has_token")
fs_sim_mutant(holder_is_not_checked v2 IN fs_v2_apply
    FROM "if not is_holder then" TO "if false then")

# v4
fs_sim_mutant(transfer_is_put_twice v4 IN fs_v4_put
    FROM "    elseif ahead == 0 then" TO "    elseif false then")
fs_sim_mutant(transfer_is_put_without_its_number v4 NIGHTLY IN fs_v4_put
    FROM "local ahead = tonumber(number) - (last_epoch == of_epoch and last_number or 0)"
    TO "local ahead = 1")
fs_sim_mutant(pending_transfer_is_taken_over v4 NIGHTLY IN fs_v4_take
    FROM "if pending == '1' then" TO "if pending == '2' then")
fs_sim_mutant(transfer_is_forgotten_before_it_is_put v4 IN v4_shards/transfer.c
    FROM "    if (was_put)" TO "    if (true)")
fs_sim_mutant(take_leaves_the_units v4 IN fs_v4_take
    FROM "'left', left - units, out" TO "'left', left, out")
fs_sim_mutant(taken_for_purchase_is_called_free v4 NIGHTLY IN v4_shards/transfer.c
    FROM "    state->may_be_decided = true;" TO "")
fs_sim_mutant(sold_out_without_a_proof v4 RARE IN v4_shards/gather.c
    FROM "bool is_proof = fs_v4_read_is_proof(read);" TO "bool is_proof = true;")
