-- set_aside: a job that must wait stands where its obstacle is, until whoever takes the obstacle away admits it
-- from   queued
-- to     waiting
-- flags  allow-oom
-- ARGV   (part of advance and enqueue)
local RANKS = { urgent = 0, high = 1, normal = 2, low = 3 }

-- For a job that is in no place: it is to wait for `name` in that obstacle's own line, the most urgent ones first, and among
-- those by turn. A turn is kept for the job's life, so that who has to wait again does not go to the end. Returns the pairs
-- of field and value that the job's hash is to hold besides its state.
local function set_aside(token, line, turn, reason, name, obstacle)
  turn = turn or call('INCR', base .. K_TURNS)
  local rank = RANKS[string.match(line or DEFAULT_LINE, '(%a+)$')]
  call('ZADD', base .. obstacle .. name, integer(rank * 2 ^ 45 + turn), token)
  call('ZADD', base .. K_WAITING, turn, token)
  return WAITS, reason .. ' ' .. name, TURN, turn
end
