-- decide.lua: decides a batch of purchases and cancels of one sale, in the order of arrival.
--
-- KEYS  1 sale     hash: epoch seq initial restocked left sold state frozen per_buyer per_order
--                  opens closes fence data; buyers, named: how many fields the indexes buyers and
--                  changes have, so that a sale whose index was removed freezes
--       2 orders   hash: order name -> record
--       3 buyers   hash: buyer -> units had in this epoch
--       4 log      stream: one entry a batch, fields order name -> record
--       5 claims   hash: order name -> product; only where ARGV 4 names the product
-- ARGV  1 epoch    the highest the caller was ever answered; 0: none
--       2 seq      of the last sale or cancel in that epoch that the caller told anybody; 0: none.
--                  "seq|change": and of the last change, which a store has that has come so far.
--                  "seq|change|data": and whose sale it is, for v4 also in which layout: a sale with
--                  another mark in its field data is not the caller's, and decides nothing
--       3 order    sold or cancelled by it, the witness: a store that does not have it has lost it
--       4 product  its name, for the claims; "": all products do not live on one node
--       5 log_max  entries that the log keeps, about; 0: all
--       6 mode     "run"; "dry": decides and writes nothing, but freezes a sale that is behind
--       7 deadline Unix ms by the store's clock, past which nothing new is decided; 0: none.
--                  "deadline|shift": the clock of the sale, which judges its window and dates its
--                  records, is so many ms ahead of this store's
--       8 owner    of the lock, for guard.lua; or "|epoch|units|moves": so many units of the epoch are
--                  left elsewhere, and a purchase tells and records them as left too; a sale with
--                  fewer moves has lost some; what follows is of a script around this one
--       then for each op: order, buyer, units (0: cancel)
-- Returns  {epoch, now in Unix ms, seq, units left, codes, then records}
--       now: 0 where nothing could be decided, -1 where the sale is frozen or lost; orders that were
--       decided before are replayed also then
--       seq, units left: before the first op; left with what is left elsewhere, -1: not known
--       codes: a letter for each op.  D done; R done before (replayed); S sold out; L limit of the
--       buyer; M more than one order may have; U unknown; K key reused; N not cancellable; F the sale
--       is frozen; T too late, the deadline had passed; a digit: not selling, enum fs_sale_state.
--       A small letter (d, r, n): the record follows, after those of the letters before.  So it is for
--       a cancel, and for what a dry run would write.
--       What is left after each op and its seq follow: a D of a purchase takes its units and adds 1
--       to seq, a d of a cancel gives its record's units back and adds 1 to seq; of the others r and n
--       are told by the record.  Numbers cost more than letters, here and at the caller.
-- Record "status|units|epoch|seq|left|sold_ms|cancelled_ms|buyer"; status "S": sold, "C17":
--       cancelled by record 17
-- Cost  1 TIME, 4 or 5 reads, 4 or 5 writes a batch, whatever its size.
--
-- Every check comes before the first write, also whether each key is of its type and whether the user
-- may write it (allowed_begin.lua): a script that fails half way is not rolled back.  (Too little memory is judged by Redis at the first write, and
-- then for the whole script.)
-- Numbers are whole and below 10^14, so that Lua's own text of them is exact.

local OPEN, CLOSED, NOT_OPEN = 1, 3, 4
local FIRST, STRIDE = 9, 3

local ARGV = ARGV
local argc = #ARGV
local dry = ARGV[6] == 'dry'
local product = ARGV[4] ~= '' and ARGV[4]

local function int(text)
    return tonumber(text) or 0
end

-- Each is made once: few different numbers of units are asked for and had.
local number_of = setmetatable({}, {__index = function(numbers, text)
    numbers[text] = int(text)
    return numbers[text]
end})
local text_of = setmetatable({[0] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'},
    {__index = function(texts, number)
        texts[number] = string.format('%d', number)
        return texts[number]
    end})

local function replay(text, buyer, units)
    local of_units, of_buyer = string.match(text, '^%a%d*|(%d+)|%d+|%d+|%d+|%d+|%d+|(.*)$')
    if of_buyer ~= buyer or tonumber(of_units) ~= units then
        return 'K'
    end
    return 'r', text
end

-- Nothing can be decided: what was decided before is replayed, every other op gets the code.
local function refuse_all(epoch, code)
    local answer, codes, names = {epoch, code == 'F' and -1 or 0, 0, -1, ''}, {}, {}
    for i = FIRST, argc, STRIDE do
        names[#names + 1] = ARGV[i]
    end
    local found = #names > 0 and redis.call('HMGET', KEYS[2], unpack(names)) or {}
    for i = 1, #names do
        local buyer, units = ARGV[FIRST - 2 + STRIDE * i], int(ARGV[FIRST - 1 + STRIDE * i])
        local record
        codes[i] = code
        if found[i] and units > 0 then
            codes[i], record = replay(found[i], buyer, units)
        elseif found[i] and string.match(found[i], '^C%d+|%d+|%d+|%d+|%d+|%d+|%d+|(.*)$') == buyer then
            codes[i], record = 'r', found[i]
        end
        answer[#answer + 1] = record
    end
    answer[5] = table.concat(codes)
    return answer
end

local sale = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'left', 'sold', 'state', 'frozen',
    'per_buyer', 'per_order', 'opens', 'closes', 'moves', 'buyers', 'data')
local seen_epoch = int(ARGV[1])
local seen_seq, changed_seq, data = string.match(ARGV[2], '^(%d+)|?(%d*)|?(.*)$')

local function need_to_decide()
    need('HSET', KEYS[2], 'HSET', KEYS[3], 'HLEN', KEYS[3], 'XADD', KEYS[4], 'HSET', KEYS[1])
    if product then
        need('HSET', KEYS[5])
    end
end

if dry then
    need_to_decide()
end
if dry and sale[1] then
    -- A write that changes nothing: a store that cannot write says so here.
    redis.call('HDEL', KEYS[1], '-')
elseif dry then
    -- And one that needs memory, the first of the script, since by the first that is judged; it
    -- makes no key.
    redis.call('SETRANGE', KEYS[1], 0, '')
end
if not sale[1] then
    -- A sale that was sold from and is gone means that the store forgot it: never "unknown".  Each sale
    -- has a log from its beginning on, so that a caller who never knew it sees the loss, too.
    local is_lost = seen_epoch > 0 or redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4]) > 0
    return refuse_all(0, is_lost and 'F' or 'U')
end
if sale[13] and data ~= '' and sale[13] ~= data then
    return {0, -1, 0, -1, string.rep('F', (argc - FIRST + 1) / STRIDE)} -- another's: the caller's is elsewhere
end
local epoch, seq, left, sold = int(sale[1]), int(sale[2]), int(sale[3]), int(sale[4])
if sale[6] and string.find(sale[6], '^%a+|') then
    return {epoch, -1, 0, -1, string.rep('F', (argc - FIRST + 1) / STRIDE)} -- its orders are elsewhere
elseif sale[6] then
    return refuse_all(epoch, 'F')
end

-- What the batch names, in one read each.  The witness comes before the names.
local names, people, count = {}, {}, 0
for i = FIRST, argc, STRIDE do
    count = count + 1
    names[count], people[count] = ARGV[i], ARGV[i + 1]
end
if count == 0 then
    return refuse_all(epoch, '')
end
local found = redis.call('HMGET', KEYS[2], ARGV[3], unpack(names))
local behind = epoch < seen_epoch
if seen_epoch == epoch then
    behind = seq < int(changed_seq)
end
if seen_epoch == epoch and seen_seq ~= '0' then
    local cancelled_by, sold_by = string.match(found[1] or '', '^%a(%d*)|%d+|%d+|(%d+)|')
    behind = behind or sold_by ~= seen_seq and cancelled_by ~= seen_seq
end
local of_epoch, elsewhere, moves = string.match(ARGV[8], '^|(%d+)|(%d+)|(%d+)')
if tonumber(of_epoch) ~= epoch then
    elsewhere, moves = 0, 0
end
elsewhere = int(elsewhere)
-- An index that somebody removed, whole or in part, would forget what buyers have had.
behind = behind or sale[12] and int(sale[12]) ~= redis.call('HLEN', KEYS[3])
if behind or int(sale[11]) < int(moves) then
    local clock = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'frozen',
        'behind@' .. string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
    return refuse_all(epoch, 'F')
end
local bought = redis.call('HMGET', KEYS[3], unpack(people))
local claims = product and redis.call('HMGET', KEYS[5], unpack(names)) or {}

-- A key of another type is found here and not by the write.
redis.call('XLEN', KEYS[4])

local state, per_buyer, per_order = int(sale[5]), int(sale[7]), int(sale[8])
local deadline_text, shift = string.match(ARGV[7], '^(%d+)|?(-?%d*)$')
local opens, closes, deadline = int(sale[9]), int(sale[10]), int(deadline_text)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local late = deadline ~= 0 and deadline <= now
local sale_now = now + int(shift)
if state == OPEN and opens > sale_now then
    state = NOT_OPEN
elseif state == OPEN and closes ~= 0 and closes <= sale_now then
    state = CLOSED
end
if per_buyer == 0 then per_buyer = math.huge end
if per_order == 0 then per_order = math.huge end

-- What the batch has changed: records by order, units had by buyer; and the pairs of order and record.
local made, had, log, logged = {}, {}, {}, 0

local function cancel(text, order, buyer, had_before)
    local status, units, record_epoch, of_seq, of_left, sold_ms, of_buyer
    if text then
        status, units, record_epoch, of_seq, of_left, sold_ms, of_buyer =
            string.match(text, '^(%a)%d*|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|%d+|(.*)$')
    end
    if not status or of_buyer ~= buyer then
        return 'U'
    elseif status == 'C' then
        return 'r', text
    elseif tonumber(record_epoch) ~= epoch then
        return 'n', text
    elseif late then
        return 'T'
    end
    seq, left, sold = seq + 1, left + units, sold - units
    had[buyer] = had_before - units
    text = 'C' .. seq .. '|' .. units .. '|' .. record_epoch .. '|' .. of_seq .. '|' .. of_left ..
        '|' .. sold_ms .. '|' .. sale_now .. '|' .. buyer
    made[order] = text
    log[logged + 1], log[logged + 2] = order, text
    logged = logged + 2
    return 'd', text
end

-- The text of a number but for its last digit is kept: making it costs more than all else here, and
-- seq and left change by little.
local seq_tens, seq_head, left_tens, left_head
local middle, tail = '|' .. epoch .. '|', '|' .. sale_now .. '|0|'
local answer, codes = {epoch, now, seq, left + elsewhere, ''}, {}
for i = 1, count do
    local order, buyer, units_text = names[i], people[i], ARGV[FIRST - 1 + STRIDE * i]
    local units = number_of[units_text]
    local text = made[order] or found[i + 1]
    local had_before = had[buyer] or bought[i] and number_of[bought[i]] or 0
    local code, record
    if units == 0 then
        code, record = cancel(text, order, buyer, had_before)
    elseif text then
        code, record = replay(text, buyer, units)
    elseif claims[i] and claims[i] ~= product then
        code = 'K'
    elseif late then
        code = 'T'
    elseif state ~= OPEN then
        code = text_of[state]
    elseif units > per_order then
        code = 'M'
    elseif had_before + units > per_buyer then
        code = 'L'
    elseif units > left then
        code = 'S'
    else
        seq, left, sold = seq + 1, left - units, sold + units
        had[buyer] = had_before + units
        local units_left = left + elsewhere
        local seq_digit, left_digit = seq % 10, units_left % 10
        if seq - seq_digit ~= seq_tens then
            seq_tens = seq - seq_digit
            seq_head = seq_tens > 0 and middle .. seq_tens / 10 or middle
        end
        if units_left - left_digit ~= left_tens then
            left_tens = units_left - left_digit
            left_head = left_tens > 0 and '|' .. left_tens / 10 or '|'
        end
        text = 'S|' .. units_text .. seq_head .. text_of[seq_digit] .. left_head ..
            text_of[left_digit] .. tail .. buyer
        made[order] = text
        log[logged + 1], log[logged + 2] = order, text
        logged = logged + 2
        code, record = dry and 'd' or 'D', dry and text
    end
    codes[i] = code
    if record then answer[#answer + 1] = record end
end

answer[5] = table.concat(codes)

if logged > 0 and not dry then
    local shares, m = {}, 0
    for buyer, units in pairs(had) do
        shares[m + 1], shares[m + 2] = buyer, text_of[units]
        m = m + 2
    end
    need_to_decide()
    will_write()
    redis.call('HSET', KEYS[2], unpack(log))
    redis.call('HSET', KEYS[3], unpack(shares))
    if ARGV[5] == '0' then
        redis.call('XADD', KEYS[4], '*', unpack(log))
    else
        redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[5], '*', unpack(log))
    end
    if product then
        for i = 2, logged, 2 do log[i] = product end -- pairs of order and product now
        redis.call('HSET', KEYS[5], unpack(log))
    end
    redis.call('HSET', KEYS[1], 'seq', text_of[seq], 'left', text_of[left], 'sold',
        text_of[sold], 'buyers', redis.call('HLEN', KEYS[3]))
end
return answer
