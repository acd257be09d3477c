// BullMQ on ioredis: one worker of concurrency 100, finished jobs kept, no events stream trimmed by hand.
// It does in Node what bench/peer.py, bench/handlers.py and bench/tally.py do in Python.

import { openSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const require = createRequire(join(process.env.BENCH_NODE_DIRECTORY, 'package.json'))
const { Queue, QueueEvents, Worker } = require('bullmq')

const WARM_UP = 50
const LATENCY_MS = 5_000
const PAUSE_MS = 4
const BULK = 5_000
const TASKS = 100
const SLEEP_MS = 100
const NAME = 'bench'

const now = () => Number(process.hrtime.bigint()) / 1e9 // CLOCK_MONOTONIC, as Python's time.monotonic
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '0' },
    kind: { type: 'string', default: 'noop' },
    concurrency: { type: 'string', default: '100' },
    runners: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    rate: { type: 'string', default: '0' },
  },
})
const [action, url] = positionals
const [count, first, rate] = [Number(values.count), Number(values.first), Number(values.rate)]
const address = new URL(url)
const connection = { host: address.hostname, port: Number(address.port), maxRetriesPerRequest: null }

if (action === 'work') work()
else await produce()

function work() {
  const capacity = Number(process.env.BENCH_TALLY_CAPACITY)
  const file = openSync(join(process.env.BENCH_TALLY_DIRECTORY, `${process.pid}.tally`), 'wx')
  const memory = new ArrayBuffer(capacity * 17)
  const begins = new Float64Array(memory, 0, capacity)
  const ends = new Float64Array(memory, capacity * 8, capacity)
  const runs = new Uint8Array(memory, capacity * 16, capacity)
  let changed = true
  const save = () => {
    if (changed) writeSync(file, new Uint8Array(memory), 0, capacity * 17, 0)
    changed = false
  }
  setInterval(save, 50)

  const run = async (job) => {
    const number = job.data.number
    begins[number] = now()
    runs[number] += 1
    changed = true
    if (job.name === 'sleep') {
      await pause(SLEEP_MS)
      ends[number] = now()
      changed = true
    }
    return number
  }
  const worker = new Worker(NAME, run, { connection, concurrency: Number(values.concurrency) })
  process.on('SIGTERM', async () => {
    save()
    await worker.close()
    process.exit(0)
  })
}

async function produce() {
  const queue = new Queue(NAME, { connection })
  await queue.waitUntilReady()
  const add = (number, kind = 'noop') => queue.add(kind, { number })
  const addMany = (kind, from, to) =>
    queue.addBulk(Array.from({ length: to - from }, (_, index) => ({ name: kind, data: { number: from + index } })))

  const actions = {
    'one-by-one': async () => {
      for (let number = 0; number < WARM_UP; number++) await add(number)
      const began = now()
      for (let number = 0; number < count; number++) await add(number)
      return { rate: count / (now() - began) }
    },
    concurrent: async () => {
      const addSome = async (from, to) => {
        for (let number = from; number < to; number += TASKS) await add(number)
      }
      const tasks = (to) => Promise.all(Array.from({ length: TASKS }, (_, index) => addSome(index, to)))
      await tasks(2 * TASKS)
      const began = now()
      await tasks(count)
      return { rate: count / (now() - began) }
    },
    bulk: async () => {
      await addMany('noop', 0, WARM_UP)
      const began = now()
      for (let at = 0; at < count; at += BULK) await addMany('noop', at, Math.min(at + BULK, count))
      return { rate: count / (now() - began) }
    },
    fill: async () => {
      for (let at = 0; at < count; at += BULK)
        await addMany(values.kind, first + at, first + Math.min(at + BULK, count))
      return { filled: count }
    },
    latency: async () => {
      const events = new QueueEvents(NAME, { connection })
      await events.waitUntilReady()
      const [enqueued, received] = [[], []]
      let ends = 0
      for (let number = first; number < first + count; number++) {
        enqueued.push(now())
        const job = await add(number)
        const answer = await job.waitUntilFinished(events, 10_000)
        received.push(now())
        if (answer !== number) throw new Error(`the result of job ${number} is ${answer}`)
        ends ||= now() + LATENCY_MS / 1000
        if (now() > ends) break
        await pause(PAUSE_MS)
      }
      await events.close()
      return { enqueued, received }
    },
    load: async () => {
      const calls = []
      let sent = 0
      const began = now()
      while (sent < count) {
        const due = Math.min(count, Math.floor((now() - began) * rate))
        if (due > sent) calls.push(addMany('noop', first + sent, first + due))
        sent = due
        await pause(1)
      }
      await Promise.all(calls)
      return { enqueued: Array.from({ length: count }, (_, number) => began + number / rate) }
    },
  }
  console.log(JSON.stringify(await actions[action]()))
  await queue.close()
}
