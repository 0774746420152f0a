// kafkajs, another implementation of Kafka's protocol. Messages are lines of JSON on standard input or
// output: { key, value, headers, partition }, bytes as base64 where they are no text.
//   kafka.mjs NODE_DIR BROKERS produce TOPIC | consume TOPIC | delete TOPIC
// To create topics or to allow a USER something, lines are such as kafkajs takes, names for numbers.
//   kafka.mjs NODE_DIR BROKERS create | allow USER | members GROUP
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [dir, brokers, verb, topic] = process.argv.slice(2)
const { Kafka, Partitioners, logLevel, ...kinds } = createRequire(join(dir, '/'))('kafkajs')
const kafka = new Kafka({ clientId: 'test', brokers: brokers.split(','), logLevel: logLevel.ERROR })
const admin = kafka.admin()

const lines = () => readFileSync(0, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))

async function produce() {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  const messages = lines().map(({ base64, ...message }) =>
    base64 === undefined ? message : { ...message, value: Buffer.from(base64, 'base64') })
  await producer.connect()
  for (const message of messages) await producer.send({ topic, acks: -1, messages: [message] })
  await producer.disconnect()
}

async function consume() {
  const ends = await admin.fetchTopicOffsets(topic)
  const missing = new Map(ends.filter(({ low, high }) => low !== high)
    .map(({ partition, high }) => [partition, BigInt(high) - 1n]))
  if (missing.size === 0) return
  const consumer = kafka.consumer({ groupId: `${topic}.kafkajs-${process.pid}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise((resolve, reject) => consumer.run({
    eachMessage: async ({ partition, message: { key, value, headers, offset } }) => {
      const texts = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, v.toString()]))
      console.log(JSON.stringify({ key: key && key.toString(), value: value && value.toString(),
        headers: texts, partition, offset }))
      if (BigInt(offset) >= missing.get(partition)) missing.delete(partition)
      if (missing.size === 0) resolve()
    },
  }).catch(reject))
  await consumer.disconnect()
}

async function allow(user) {
  const acl = lines().map(({ type, name, pattern, operation }) => ({
    resourceType: kinds.AclResourceTypes[type], resourceName: name,
    resourcePatternType: kinds.ResourcePatternTypes[pattern], principal: `User:${user}`, host: '*',
    operation: kinds.AclOperationTypes[operation], permissionType: kinds.AclPermissionTypes.ALLOW,
  }))
  await admin.createAcls({ acl })
}

await admin.connect()
if (verb === 'produce') await produce()
else if (verb === 'consume') await consume()
else if (verb === 'create') await admin.createTopics({ topics: lines() })
else if (verb === 'allow') await allow(topic)
else if (verb === 'members') {
  const { groups: [group] } = await admin.describeGroups([topic])
  for (const { memberId, clientId } of group.members) console.log(JSON.stringify({ memberId, clientId }))
}
else {
  await admin.deleteTopics({ topics: [topic] })
  while ((await admin.listTopics()).includes(topic)) await new Promise((done) => setTimeout(done, 50))
}
await admin.disconnect()
