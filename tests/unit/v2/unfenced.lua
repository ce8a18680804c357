-- unfenced.lua: what fence.lua would be if it were forgotten.  For the mutant that must oversell.

local LOCK = KEYS[#KEYS]
local has_token, is_holder = true, true
