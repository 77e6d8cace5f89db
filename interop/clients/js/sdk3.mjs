// Calls on the AWS SDK for JavaScript v3: `sdk3.mjs CALLS ATONCE BUCKET`. Prints one JSON line; see interop/sdks.go.
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.INTEROP_MODULES}/`);
const { EC2Client, DescribeSnapshotAttributeCommand, paginateDescribeSnapshots } = require('@aws-sdk/client-ec2');
const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand } = require('@aws-sdk/client-s3');

const [calls, atOnce, bucket] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const errors = [];
let answered = 0;

const ec2 = new EC2Client({});
const ids = [];
for await (const page of paginateDescribeSnapshots({ client: ec2, pageSize: 10 }, { OwnerIds: ['self'] })) {
  ids.push(...page.Snapshots.map((s) => s.SnapshotId));
}
const todo = ids.slice(0, calls);

async function worker() {
  for (let id = todo.pop(); id; id = todo.pop()) {
    try {
      await ec2.send(new DescribeSnapshotAttributeCommand({ SnapshotId: id, Attribute: 'createVolumePermission' }));
      answered += 1;
    } catch (e) {
      errors.push(String(e));
    }
  }
}

async function copy() {
  const s3 = new S3Client({});
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const body = randomBytes(3 << 20); // above 2 MB it sends Expect: 100-continue
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'one+3MB', Body: body }));
  const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'one+3MB' }));
  const hash = (b) => createHash('sha256').update(b).digest('hex');
  return hash(await got.Body.transformToByteArray()) === hash(body);
}

await Promise.all(Array.from({ length: atOnce }, worker));
const copied = bucket === '-' || await copy();
const { version } = require('@aws-sdk/client-ec2/package.json');
console.log(JSON.stringify({ version: `${version}, Node ${process.versions.node}`, answered, lost: calls - answered, copied, errors: errors.slice(0, 3) }));
