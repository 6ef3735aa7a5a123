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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Connections at once; the oldest that has not asked yet makes room for the next, else that one waits.
const MAX_CONNECTIONS: usize = 64;

/// For its head.
const PATIENCE: Duration = Duration::from_secs(2);

/// For taking the answer.
const PATIENCE_OF_ANSWER: Duration = Duration::from_secs(10);

/// Intervals, each with the time of a check, after which the last report is too old.
const LATE: u32 = 3;

/// Added to them: a check may meet slow peers that the last one did not.
const SLACK: Duration = Duration::from_secs(60);

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
    /// From when on the report is too old.
    late: Option<Instant>,
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
    let reach = match bound.ip().is_loopback() {
        true => Reach::Loopback,
        false => Reach::Network,
    };
    runtime.spawn(accept(listener, Arc::clone(&board), reach));
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
        let begun = Instant::now();
        match check(args, context, None) {
            Ok((report, taken)) => {
                checked = true;
                let pages = Pages::of(&report, &taken, args.metric_names());
                let mut board = board.write().unwrap_or_else(PoisonError::into_inner);
                *board = Board {
                    pages: Some(Arc::new(pages)),
                    failed: false,
                    late: Some(Instant::now() + LATE * (interval + begun.elapsed()) + SLACK),
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

/// From where the listener is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// This machine. A browser on it can be led here by a name of somebody else's (DNS rebinding), and then says it.
    Loopback,
    /// Other machines too.
    Network,
}

/// A connection that is being answered.
struct Open {
    task: AbortHandle,
    asked: Arc<AtomicBool>,
}

async fn accept(listener: TcpListener, board: Shared, reach: Reach) {
    let mut tasks = JoinSet::new();
    let mut open: Vec<Open> = Vec::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // No descriptor is left, or the client is gone: soon there may be one.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while tasks.try_join_next().is_some() {}
        open.retain(|one| !one.task.is_finished());
        while open.len() >= MAX_CONNECTIONS {
            match open
                .iter()
                .position(|one| !one.asked.load(Ordering::Relaxed))
            {
                Some(silent) => open.remove(silent).task.abort(),
                None => {
                    let _ = tasks.join_next().await;
                    open.retain(|one| !one.task.is_finished());
                }
            }
        }
        let asked = Arc::<AtomicBool>::default();
        let (board, says) = (Arc::clone(&board), Arc::clone(&asked));
        let task = tasks.spawn(async move {
            // Who is too slow is left, without a word.
            let _ = answer(stream, board, reach, &says).await;
        });
        open.push(Open { task, asked });
    }
}

async fn answer(
    mut stream: TcpStream,
    board: Shared,
    reach: Reach,
    asked: &AtomicBool,
) -> std::io::Result<()> {
    let Some(request) = tokio::time::timeout(PATIENCE, hear(&mut stream)).await?? else {
        return Ok(());
    };
    asked.store(true, Ordering::Relaxed);
    let reply = {
        let board = board.read().unwrap_or_else(PoisonError::into_inner);
        reply(request, &board, reach, Instant::now())
    };
    let told = async {
        stream.write_all(&reply).await?;
        stream.shutdown().await
    };
    tokio::time::timeout(PATIENCE_OF_ANSWER, told).await??;
    let mut rest = [0; 1024];
    let _ = tokio::time::timeout(LINGER, async {
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    })
    .await;
    Ok(())
}

/// The request, or why it is refused; `None`: the client went away before it was whole.
async fn hear(stream: &mut TcpStream) -> std::io::Result<Option<Result<Request, Refusal>>> {
    let mut head = Vec::with_capacity(1024);
    loop {
        match read_head(&head) {
            Ok(Some(request)) => return Ok(Some(Ok(request))),
            Ok(None) => {}
            Err(refusal) => return Ok(Some(Err(refusal))),
        }
        let room = u64::try_from(MAX_HEAD - head.len()).unwrap_or(0);
        if (&mut *stream).take(room).read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
}

/// Whether a client that says this host means us.
fn is_ours(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    host == "localhost" || address.unwrap_or(host).parse::<IpAddr>().is_ok()
}

/// The whole answer, head and body.
fn reply(request: Result<Request, Refusal>, board: &Board, reach: Reach, now: Instant) -> Vec<u8> {
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
    if reach == Reach::Loopback && !request.host.as_deref().is_none_or(is_ours) {
        return told(
            "421 Misdirected Request",
            "this is asked for by an IP address, or as localhost",
        );
    }
    let waits = || told("503 Service Unavailable", "the first check is under way");
    match (request.path.as_str(), &board.pages) {
        ("/healthz", _) if board.failed => told(
            "503 Service Unavailable",
            "the last check could not do its work",
        ),
        ("/healthz", Some(_)) if board.late.is_some_and(|late| now >= late) => told(
            "503 Service Unavailable",
            "the last report is too old: a check does not come to its end",
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
mod tests;
