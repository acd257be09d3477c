-- repeated: the answer to a call that came before
-- flags  allow-oom
-- The answer to a call that was already carried out: names from memory, the rest is still in the jobs.
local function repeated(answer)
  local registered, refused, names = string.match(answer, '^(%d) (%S*) (%S*)$')
  local fenced, claims = {}, {}
  for token in string.gmatch(refused, '[^,]+') do fenced[#fenced + 1] = token end
  for of_ask in string.gmatch(names, '([^|]*)|') do
    local flat = {}
    for name in string.gmatch(of_ask, '[^,]+') do
      local token, attempt = split_name(name)
      local job = owned(token, attempt, SPEC)
      if job then
        flat[#flat + 1] = token
        local plain = attempt == '1' and job.mark == ''
        flat[#flat + 1] = plain and job[SPEC] or later_attempt(job.key, job[SPEC], attempt, job.mark)
      end
    end
    claims[#claims + 1] = flat
  end
  return { tonumber(registered), fenced, claims, -1 }
end
