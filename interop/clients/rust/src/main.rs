//! Calls on the AWS SDK for Rust: `sdk CALLS TASKS BUCKET`. Prints one JSON line; see interop/sdks.go.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let calls: usize = args[1].parse().expect("CALLS is a number");
    let tasks: usize = args[2].parse().expect("TASKS is a number");
    let bucket = &args[3];

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let errors = ask(&aws_sdk_sts::Client::new(&config), calls, tasks).await;
    let copied = bucket == "-" || copied(&aws_sdk_s3::Client::new(&config), bucket).await;
    println!(
        "{}",
        serde_json::json!({
            "version": aws_sdk_s3::meta::PKG_VERSION,
            "answered": calls - errors.len(),
            "lost": errors.len(),
            "copied": copied,
            "errors": &errors[..errors.len().min(3)],
        })
    );
}

/// Asks who we are, and returns the errors.
async fn ask(client: &aws_sdk_sts::Client, calls: usize, tasks: usize) -> Vec<String> {
    let next = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..tasks)
        .map(|_| {
            let (client, next) = (client.clone(), next.clone());
            tokio::spawn(async move {
                let mut errors = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < calls {
                    if let Err(e) = client.get_caller_identity().send().await {
                        errors.push(format!("{}", DisplayErrorContext(e)));
                    }
                }
                errors
            })
        })
        .collect();
    let mut errors = Vec::new();
    for worker in workers {
        errors.extend(worker.await.expect("the task ends"));
    }
    errors
}

/// Uploads 3 MB and compares what comes back.
async fn copied(client: &aws_sdk_s3::Client, bucket: &str) -> bool {
    let body: Vec<u8> = (0u32..(3 << 20)).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    client.create_bucket().bucket(bucket).send().await.expect("create the bucket");
    let put = client.put_object().bucket(bucket).key("one+3MB").body(ByteStream::from(body.clone()));
    put.send().await.expect("upload");
    let got = client.get_object().bucket(bucket).key("one+3MB").send().await.expect("download");
    let back = got.body.collect().await.expect("read the download").into_bytes();
    back.as_ref() == body.as_slice()
}
