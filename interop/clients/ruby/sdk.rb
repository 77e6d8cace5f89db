# Calls on the AWS SDK for Ruby v3: `sdk.rb CALLS THREADS BUCKET`. Prints one JSON line; see interop/sdks.go.
require 'aws-sdk-s3'
require 'digest'
require 'json'
require 'securerandom'

calls = Integer(ARGV[0])
threads = Integer(ARGV[1])
bucket = ARGV[2]

sts = Aws::STS::Client.new
todo = Queue.new
calls.times { |i| todo << i }
todo.close
errors = Queue.new
Array.new(threads) do
  Thread.new do
    while todo.pop
      begin
        sts.get_caller_identity
      rescue Aws::Errors::ServiceError, Seahorse::Client::NetworkingError => e
        errors << "#{e.class}: #{e.message}"
      end
    end
  end
end.each(&:join)

# Uploads 3 MB and compares what comes back.
def copied?(bucket)
  s3 = Aws::S3::Client.new
  s3.create_bucket(bucket: bucket)
  body = SecureRandom.bytes(3 << 20)
  s3.put_object(bucket: bucket, key: 'one+3MB', body: body)
  back = s3.get_object(bucket: bucket, key: 'one+3MB').body.read
  Digest::SHA256.digest(body) == Digest::SHA256.digest(back)
end

lost = errors.size
puts JSON.generate(
  version: Aws::CORE_GEM_VERSION, answered: calls - lost, lost: lost, copied: bucket == '-' || copied?(bucket),
  errors: Array.new([lost, 3].min) { errors.pop }
)
