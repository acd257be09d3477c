-- room: how much there is under some names
-- flags  -
-- KEYS   1 the space's beginning
-- ARGV   for each: its name · how much more is wanted · how much there may be (-1: any)
-- reply  the amounts, in the same order
local now, amounts = clock_ms(), {}
for at = 1, #ARGV, 3 do
  local most = tonumber(ARGV[at + 2])
  amounts[#amounts + 1] = amount_with(ARGV[at], tonumber(ARGV[at + 1]), most < 0 and math.huge or most, now)
end
return amounts
