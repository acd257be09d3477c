-- requeue: a job that ended without a result gets a new series of attempts
-- from   failed, cancelled
-- to     queued
-- flags  -
-- KEYS   1 the space's beginning
-- ARGV   token · a word of this call's own · the bounds that it counts under (JSON), if any
-- reply  {state before or '' when there is no such job, state after, '' or the token of the job that holds its unique name};
--        the same word again, after a lost reply, gives the same answer and changes nothing
local token, memory = ARGV[1], base .. K_CALL .. 'requeue:' .. ARGV[2]
local before = call('GET', memory)
if before then return { before, 'queued', '' } end
local job = read(token, LINE, TIES)
if not job then return { '', '', '' } end
local state = job.state
if state ~= 'failed' and state ~= 'cancelled' then return { state, state, '' } end
local unique = ties_of(job).unique
local holder = unique and holder_of(unique.name)
if holder then return { state, state, holder.token } end
-- The first write, so that Redis 6 refuses it at maxmemory before anything has changed.
call('SET', memory, state, 'PX', 3600000)
if unique then call('HSET', base .. K_UNIQUE, unique.name, token) end
call('ZREM', base .. (state == 'failed' and K_FAILED or K_CANCELLED), token)
call('HDEL', job.key, FINISHED, ERROR, FAILURES, CRASHES, PROGRESS, PROGRESSED, CANCEL, DUE)
move(job, 'queued', SEQ, to_back(job[LINE] or DEFAULT_LINE, token))
if ARGV[3] then count_under(cjson.decode(ARGV[3]), token, clock_ms()) end
count('requeued', 1)
wake_pushed()
return { state, 'queued', '' }
