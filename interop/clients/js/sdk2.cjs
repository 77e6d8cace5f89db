// Calls on the AWS SDK for JavaScript v2: `sdk2.cjs CALLS ATONCE BUCKET`. Prints one JSON line; see interop/sdks.go.
'use strict';

const { createHash, randomBytes } = require('crypto');
const AWS = require(`${process.env.INTEROP_MODULES}/aws-sdk`);

const [calls, atOnce, bucket] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const maxRetries = Number(process.env.AWS_MAX_ATTEMPTS || 4) - 1; // v2 does not read the variable
const errors = [];
let answered = 0;

async function worker(ec2, todo) {
  for (let id = todo.pop(); id; id = todo.pop()) {
    try {
      await ec2.describeSnapshotAttribute({ SnapshotId: id, Attribute: 'createVolumePermission' }).promise();
      answered += 1;
    } catch (e) {
      errors.push(String(e));
    }
  }
}

async function copy() {
  const s3 = new AWS.S3();
  await s3.createBucket({ Bucket: bucket }).promise();
  const body = randomBytes(3 << 20);
  await s3.putObject({ Bucket: bucket, Key: 'one+3MB', Body: body }).promise();
  const got = await s3.getObject({ Bucket: bucket, Key: 'one+3MB' }).promise();
  const hash = (b) => createHash('sha256').update(b).digest('hex');
  return hash(got.Body) === hash(body);
}

async function main() {
  const ec2 = new AWS.EC2({ maxRetries });
  const ids = [];
  for (let token; ;) {
    const page = await ec2.describeSnapshots({ OwnerIds: ['self'], MaxResults: 10, NextToken: token }).promise();
    ids.push(...page.Snapshots.map((s) => s.SnapshotId));
    token = page.NextToken;
    if (!token) break;
  }
  const todo = ids.slice(0, calls);
  await Promise.all(Array.from({ length: atOnce }, () => worker(ec2, todo)));
  const copied = bucket === '-' || await copy();
  console.log(JSON.stringify({
    version: `${AWS.VERSION}, Node ${process.versions.node}`, answered, lost: calls - answered, copied, errors: errors.slice(0, 3),
  }));
}

main();
