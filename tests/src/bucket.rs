//! A service that speaks S3, on the loopback interface, over a folder: for tests of the blob store.
//!
//! It can be taken away and brought back at the same address with what it held. For a bucket that is not there it answers
//! as S3 does; the server below would make the bucket.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The access key that the service knows.
pub const ACCESS_KEY_ID: &str = "errand-tests";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "secret-of-the-tests";

/// A running service.
pub struct BucketServer {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    running: TaskTracker,
}

impl BucketServer {
    /// Serves the buckets that are folders in `root`, at a free port.
    pub async fn start(root: &Path) -> Self {
        Self::start_at(root, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Serves at this very address.
    pub async fn start_at(root: &Path, address: SocketAddr) -> Self {
        let files = FileSystem::new(root).unwrap();
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, running) = (CancellationToken::new(), TaskTracker::new());
        let buckets = Buckets {
            root: root.to_owned(),
            service: service.build(),
        };
        running.spawn(accept(listener, buckets, stop.clone(), running.clone()));
        Self {
            address,
            stop,
            running,
        }
    }

    /// The service as a URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes the service away: open connections break, new ones are refused.
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

#[derive(Clone)]
struct Buckets {
    root: PathBuf,
    service: S3Service,
}

impl Buckets {
    async fn answer(&self, request: Request<Incoming>) -> Response<s3s::Body> {
        let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
        if !self.root.join(bucket).is_dir() {
            let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
            let mut response = Response::new(s3s::Body::from(text.to_owned()));
            *response.status_mut() = hyper::StatusCode::NOT_FOUND;
            return response;
        }
        Service::call(&self.service, request).await.unwrap()
    }
}

async fn accept(
    listener: TcpListener,
    buckets: Buckets,
    stop: CancellationToken,
    running: TaskTracker,
) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        if let Ok((stream, _)) = accepted {
            running.spawn(serve(stream, buckets.clone(), stop.clone()));
        }
    }
}

async fn serve(stream: TcpStream, buckets: Buckets, stop: CancellationToken) {
    let service = service_fn(|request| {
        let buckets = buckets.clone();
        async move { Ok::<_, Infallible>(buckets.answer(request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that goes away in the middle is none of the service's trouble.
    let _ = stop.run_until_cancelled(connection).await;
}
