-- requeue: a job that ended without a result gets a new series of attempts
-- from   failed, cancelled
-- to     queued
-- flags  -
-- KEYS   1 the queue's beginning
-- ARGV   token
-- reply  {state before or '' when there is no such job, state after}
local token = ARGV[1]
local key = job_key(token)
local fields = call('HMGET', key, STATE, VERSION, LINE)
local state = fields[1]
if not state then return { '', '' } end
if state ~= 'failed' and state ~= 'cancelled' then return { state, state } end
call('ZREM', base .. (state == 'failed' and K_FAILED or K_CANCELLED), token)
call('HDEL', key, FINISHED, ERROR, FAILURES, CRASHES, PROGRESS, PROGRESSED, CANCEL, DUE)
call('HSET', key, STATE, 'queued', SEQ, to_back(fields[3] or 'normal', token), VERSION, (fields[2] or 1) + 1)
count('requeued', 1)
wake_one()
return { state, 'queued' }
