//! `check --serve`: the last report for Prometheus and for people, over HTTP; checked anew at each interval.
//!
//! Reading alone, and nothing but this run's report: GET and HEAD of three paths. What is served is made once a check
//! and kept while the next one runs. A check that could not do its work leaves the last report, whose time then stands
//! still, and `/healthz` says it.

use super::super::exit::{Exit, FailureKind};
use super::super::render::metrics::MetricNames;
use super::super::render::{self, Taken, html};
use super::{CheckArgs, Context, Failure, Format, Outcome, check, shape};
use crate::check::CheckReport;
use crate::cli::not_taken::NotTaken;
use crate::explain::Explanation;
use crate::wire::http::{Accepts, MAX_HEAD, Method, Refusal, Request, read_head};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at once; the next ones wait.
const MAX_CONNECTIONS: usize = 64;

/// For one of them, from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what a client still sends is read and thrown away, so that it sees our answer and no reset.
const LINGER: Duration = Duration::from_millis(500);

const PLAIN: &str = "text/plain; charset=utf-8";

/// What is served.
#[derive(Debug, Default)]
struct Pages {
    prometheus: Vec<u8>,
    openmetrics: Vec<u8>,
    html: Vec<u8>,
}

impl Pages {
    fn of(report: &CheckReport, taken: &Taken, names: MetricNames) -> Self {
        let page = |format| shape(format, names, report, taken).into_bytes();
        Self {
            prometheus: page(Format::Prometheus),
            openmetrics: page(Format::Openmetrics),
            html: page(Format::Html),
        }
    }
}

/// What the connections see: the last report, and whether the last check did its work.
#[derive(Debug, Default)]
struct Board {
    pages: Option<Arc<Pages>>,
    failed: bool,
}

type Shared = Arc<RwLock<Board>>;

/// `PORT`, `:PORT` and `ADDR:PORT`; without an address on loopback.
pub(super) fn address(text: &str) -> Result<SocketAddr, NotTaken> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| {
        NotTaken::unread("write it as PORT or ADDRESS:PORT, an IPv6 address as [ADDRESS]:PORT")
    })
}

/// Serves until a signal comes.
pub(super) fn serve(
    args: &CheckArgs,
    address: SocketAddr,
    context: &mut Context,
) -> Result<Outcome, Failure> {
    let interval = args.interval.unwrap_or(super::watch::USUAL_INTERVAL);
    end_on_signals().map_err(|error| cannot(address, &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| cannot(address, &error))?;
    let listener = runtime
        .block_on(TcpListener::bind(address))
        .map_err(|error| cannot(address, &error))?;
    let bound = listener
        .local_addr()
        .map_err(|error| cannot(address, &error))?;
    let board = Shared::default();
    runtime.spawn(accept(listener, Arc::clone(&board)));
    if !bound.ip().is_loopback() {
        context.note("note: whoever reaches this address sees every target and finding\n");
    }
    context.say(&format!(
        "serving http://{bound}/ and http://{bound}/metrics, checked every {}",
        super::watch::words(interval)
    ));
    let mut checked = false;
    loop {
        context.read_clock_again();
        match check(args, context, None) {
            Ok((report, taken)) => {
                checked = true;
                let pages = Pages::of(&report, &taken, args.metric_names());
                let mut board = board.write().unwrap_or_else(PoisonError::into_inner);
                *board = Board {
                    pages: Some(Arc::new(pages)),
                    failed: false,
                };
            }
            // What is wrong at the first check is wrong usage; a file that is being changed mends itself.
            Err(failure) if failure.kind == FailureKind::Usage && !checked => return Err(failure),
            Err(failure) => {
                context.error(&render::explanation(&failure.explanation));
                let mut board = board.write().unwrap_or_else(PoisonError::into_inner);
                board.failed = true;
            }
        }
        std::thread::sleep(interval);
    }
}

/// A signal ends the program where it stands: nothing of a check is left behind. SIGTERM is how a service is ended, and
/// no failure.
pub(super) fn end_on_signals() -> std::io::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    for (signal, exit) in [(SIGTERM, Exit::Done), (SIGINT, Exit::Interrupted)] {
        let code = i32::from(exit.code());
        signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&always))?;
    }
    Ok(())
}

fn cannot(address: SocketAddr, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "check.serve",
            what: format!("the report cannot be served at {address}"),
            place: "--serve".to_owned(),
            why: crate::explain::os_words(error),
            mend: "name another address or port, or end what listens there (`ss -ltnp`)".to_owned(),
        },
    )
}

async fn accept(listener: TcpListener, board: Shared) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let board = Arc::clone(&board);
                tokio::spawn(async move {
                    // Who is too slow is left, without a word.
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, board)).await;
                    drop(permit);
                });
            }
            // No descriptor is left, or the client is gone: soon there may be one.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn answer(mut stream: TcpStream, board: Shared) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    let request = loop {
        match read_head(&head) {
            Ok(Some(request)) => break Ok(request),
            Ok(None) => {}
            Err(refusal) => break Err(refusal),
        }
        let room = u64::try_from(MAX_HEAD - head.len()).unwrap_or(0);
        if (&mut stream).take(room).read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    let reply = {
        let board = board.read().unwrap_or_else(PoisonError::into_inner);
        reply(request, &board)
    };
    stream.write_all(&reply).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    let _ = tokio::time::timeout(LINGER, async {
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    })
    .await;
    Ok(())
}

/// The whole answer, head and body.
fn reply(request: Result<Request, Refusal>, board: &Board) -> Vec<u8> {
    let request = match request {
        Ok(request) => request,
        Err(refusal) => {
            let status = refusal.status();
            return whole(Method::Get, status, PLAIN, format!("{status}\n").as_bytes());
        }
    };
    let told = |status: &str, text: &str| {
        whole(
            request.method,
            status,
            PLAIN,
            format!("{text}\n").as_bytes(),
        )
    };
    let waits = || told("503 Service Unavailable", "the first check is under way");
    match (request.path.as_str(), &board.pages) {
        ("/healthz", _) if board.failed => told(
            "503 Service Unavailable",
            "the last check could not do its work",
        ),
        ("/healthz", Some(_)) => told("200 OK", "ok"),
        ("/healthz" | "/" | "/metrics", None) => waits(),
        ("/", Some(pages)) => {
            let kind = "text/html; charset=utf-8";
            whole(request.method, "200 OK", kind, &pages.html)
        }
        ("/metrics", Some(pages)) => {
            let (kind, page) = match request.accepts {
                Accepts::OpenMetrics => (
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    &pages.openmetrics,
                ),
                Accepts::Anything => (
                    "text/plain; version=0.0.4; charset=utf-8",
                    &pages.prometheus,
                ),
            };
            whole(request.method, "200 OK", kind, page)
        }
        (_, _) => told("404 Not Found", "there are /, /metrics and /healthz"),
    }
}

fn whole(method: Method, status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nVary: Accept\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: {}; frame-ancestors 'none'\r\n",
        body.len(),
        html::policy()
    );
    if status.starts_with("405") {
        reply.push_str("Allow: GET, HEAD\r\n");
    }
    reply.push_str("\r\n");
    let mut reply = reply.into_bytes();
    match method {
        Method::Get => reply.extend_from_slice(body),
        Method::Head => {}
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_address_it_is_loopback() {
        for (text, read) in [
            ("9765", Some("127.0.0.1:9765")),
            (":9765", Some("127.0.0.1:9765")),
            ("0.0.0.0:9765", Some("0.0.0.0:9765")),
            ("[::1]:0", Some("[::1]:0")),
            ("localhost", None),
            ("70000", None),
            ("", None),
        ] {
            let read = read.map(|read| read.parse::<SocketAddr>().unwrap());
            assert_eq!(address(text).ok(), read, "{text}");
        }
    }

    #[test]
    fn a_board_answers_each_path() {
        let empty = Board::default();
        let full = |failed| Board {
            pages: Some(Arc::new(Pages {
                prometheus: b"p".to_vec(),
                openmetrics: b"o".to_vec(),
                html: b"<h>".to_vec(),
            })),
            failed,
        };
        for (head, board, status, end) in [
            ("GET / HTTP/1.1\r\n\r\n", &empty, "503", "under way\n"),
            (
                "GET /healthz HTTP/1.1\r\n\r\n",
                &empty,
                "503",
                "under way\n",
            ),
            ("GET / HTTP/1.1\r\n\r\n", &full(false), "200", "\r\n\r\n<h>"),
            ("HEAD / HTTP/1.1\r\n\r\n", &full(false), "200", "\r\n\r\n"),
            (
                "GET /metrics HTTP/1.1\r\n\r\n",
                &full(true),
                "200",
                "\r\n\r\np",
            ),
            (
                "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n",
                &full(false),
                "200",
                "\r\n\r\no",
            ),
            (
                "GET /healthz HTTP/1.1\r\n\r\n",
                &full(false),
                "200",
                "\r\n\r\nok\n",
            ),
            (
                "GET /healthz HTTP/1.1\r\n\r\n",
                &full(true),
                "503",
                "its work\n",
            ),
            (
                "GET /../etc HTTP/1.1\r\n\r\n",
                &full(false),
                "404",
                "/healthz\n",
            ),
            (
                "PUT / HTTP/1.1\r\n\r\n",
                &full(false),
                "405",
                "Not Allowed\n",
            ),
        ] {
            let request = read_head(head.as_bytes()).map(|read| read.unwrap());
            let text = String::from_utf8(reply(request, board)).unwrap();
            assert!(
                text.starts_with(&format!("HTTP/1.1 {status} ")),
                "{head} {text}"
            );
            assert!(text.ends_with(end), "{head} {text}");
        }
    }
}
