import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.ec2.Ec2AsyncClient;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;

/** Calls on the AWS SDK for Java v2: `Sdk apache|netty CALLS THREADS BUCKET`. Prints one JSON line; see interop/sdks.go. */
public final class Sdk {
  private static final String KEY = "one+3MB";

  /** What the program does, by one of the two clients. */
  interface Client {
    List<String> snapshots();

    void ask(String snapshot);

    void upload(String bucket, byte[] body);

    byte[] download(String bucket);
  }

  public static void main(String[] args) throws Exception {
    Client client = args[0].equals("netty") ? new Netty() : new Apache();
    int calls = Integer.parseInt(args[1]);
    int threads = Integer.parseInt(args[2]);
    String bucket = args[3];

    List<String> errors = Collections.synchronizedList(new ArrayList<>());
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    List<Future<?>> asked = new ArrayList<>();
    for (String id : client.snapshots().subList(0, calls)) {
      asked.add(pool.submit(() -> {
        try {
          client.ask(id);
        } catch (RuntimeException e) {
          errors.add(e.toString());
        }
      }));
    }
    for (Future<?> f : asked) {
      f.get();
    }
    pool.shutdown();
    int lost = errors.size();
    boolean copied = bucket.equals("-") || copied(client, bucket);
    System.out.printf("{\"version\":\"%s\",\"answered\":%d,\"lost\":%d,\"copied\":%b,\"errors\":[%s]}%n",
        VersionInfo.SDK_VERSION, calls - lost, lost, copied, lost == 0 ? "" : quote(errors.get(0)));
    System.exit(0);
  }

  private static String quote(String s) {
    return '"' + s.replaceAll("[\"\\\\\\p{Cntrl}]", " ") + '"';
  }

  private static boolean copied(Client client, String bucket) throws Exception {
    byte[] body = new byte[3 << 20];
    new Random().nextBytes(body);
    client.upload(bucket, body);
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    return Arrays.equals(sha256.digest(body), sha256.digest(client.download(bucket)));
  }

  /** The synchronous clients, on Apache's HTTP client. */
  static final class Apache implements Client {
    private final Ec2Client ec2 = Ec2Client.builder().httpClientBuilder(ApacheHttpClient.builder()).build();
    private final S3Client s3 = S3Client.builder().httpClientBuilder(ApacheHttpClient.builder()).build();

    @Override
    public List<String> snapshots() {
      List<String> ids = new ArrayList<>();
      ec2.describeSnapshotsPaginator(r -> r.ownerIds("self").maxResults(10)).snapshots().forEach(s -> ids.add(s.snapshotId()));
      return ids;
    }

    @Override
    public void ask(String snapshot) {
      ec2.describeSnapshotAttribute(r -> r.snapshotId(snapshot).attribute("createVolumePermission"));
    }

    @Override
    public void upload(String bucket, byte[] body) {
      s3.createBucket(r -> r.bucket(bucket));
      s3.putObject(r -> r.bucket(bucket).key(KEY), RequestBody.fromBytes(body));
    }

    @Override
    public byte[] download(String bucket) {
      return s3.getObjectAsBytes(r -> r.bucket(bucket).key(KEY)).asByteArray();
    }
  }

  /** The asynchronous clients, on Netty. */
  static final class Netty implements Client {
    private final Ec2AsyncClient ec2 = Ec2AsyncClient.builder().httpClientBuilder(NettyNioAsyncHttpClient.builder()).build();
    private final S3AsyncClient s3 = S3AsyncClient.builder().httpClientBuilder(NettyNioAsyncHttpClient.builder()).build();

    @Override
    public List<String> snapshots() {
      List<String> ids = Collections.synchronizedList(new ArrayList<>());
      ec2.describeSnapshotsPaginator(r -> r.ownerIds("self").maxResults(10)).snapshots().subscribe(s -> ids.add(s.snapshotId())).join();
      return ids;
    }

    @Override
    public void ask(String snapshot) {
      ec2.describeSnapshotAttribute(r -> r.snapshotId(snapshot).attribute("createVolumePermission")).join();
    }

    @Override
    public void upload(String bucket, byte[] body) {
      s3.createBucket(r -> r.bucket(bucket)).join();
      s3.putObject(r -> r.bucket(bucket).key(KEY), AsyncRequestBody.fromBytes(body)).join();
    }

    @Override
    public byte[] download(String bucket) {
      return s3.getObject(r -> r.bucket(bucket).key(KEY), AsyncResponseTransformer.toBytes()).join().asByteArray();
    }
  }

  private Sdk() {}
}
