//! Long-polling with ETag: a page follows a job, and each answer comes when there is something new.
//!
//! `cargo run -p jobs` starts it, with a proxy inside; `examples/chat/run jobs` starts it behind
//! Pushpin, whose address is in `GRIP_URL`.
//!
//! A job is a plain resource. A `GET` without a condition, or with the `ETag` of an earlier state,
//! is answered at once; one with the `ETag` of the present state (`If-None-Match`) is held until the
//! state changes, or answered with 304 after as long as the client would wait (`Prefer: wait=10`,
//! RFC 7240). So any HTTP client can follow it, and whoever does not know of waiting polls.

#[path = "../../chat/src/end.rs"]
mod end;
mod jobs;

use std::{env, error::Error, time::Duration};

use actix_web::{
    App, HttpMessage, HttpRequest, HttpResponse, HttpServer, Responder,
    http::header::{CACHE_CONTROL, ETag, EntityTag, HeaderMap, IfNoneMatch, LOCATION},
    web::{self, Data, Form, Html, Path},
};
use gripware_actix::{
    GripContext, GripMiddleware, Hold, HoldExt, HttpResponse as Answer, Item, Publisher, Recovery,
};
use gripware_hub::Hub;
use jobs::{Job, Jobs};
use serde::Deserialize;

/// How long a client waits that does not say so, and the most that it can say. Proxies between cut
/// connections that are silent for a minute.
const WAIT: Duration = Duration::from_secs(25);
const MAX_WAIT: Duration = Duration::from_secs(55);

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let hub = Hub::from_env()?;
    let grip = hub.grip();
    let publisher = Data::new(grip.publisher());
    let jobs = Data::new(Jobs::default());
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    // The hub takes the address for itself, and gives the application one behind it.
    let (listener, front) = hub.front(address).await?;
    if let Some(address) = front.local_addr() {
        println!("listening on {address}");
        if hub.is_embedded() {
            println!("open http://{address}/ in two windows");
        }
    }
    let server = HttpServer::new(move || {
        App::new()
            .app_data(publisher.clone())
            .app_data(jobs.clone())
            .route("/", web::get().to(page))
            .route("/jobs", web::post().to(start))
            .route("/jobs/{name}", web::get().to(follow))
            .wrap(GripMiddleware::new(&grip))
    })
    .listen(listener)?
    .disable_signals()
    // As long as the hub's own end may take, and not the 30 s of actix-web.
    .shutdown_timeout(5)
    .run();
    let handle = server.handle();
    let is_embedded = hub.is_embedded();
    let front = async {
        let served = front.with_graceful_shutdown(end::told_to_end()).await;
        // The hub has waited for all requests, as long as they may take; otherwise the server does.
        handle.stop(!is_embedded).await;
        served
    };
    tokio::try_join!(server, front)?;
    Ok(())
}

async fn page() -> impl Responder {
    Html::new(include_str!("../page/index.html"))
}

#[derive(Deserialize)]
struct Order {
    steps: u32,
    /// The time of one step, in milliseconds.
    pause: u64,
}

/// Starts a job, and says where it can be followed.
async fn start(order: Form<Order>, jobs: Data<Jobs>, publisher: Data<Publisher>) -> HttpResponse {
    let Order { steps, pause } = order.into_inner();
    if !(1..=100).contains(&steps) || pause > 60_000 {
        return HttpResponse::UnprocessableEntity().finish();
    }
    let name = jobs.add(steps);
    let location = format!("/jobs/{name}");
    tokio::spawn(work(name, Duration::from_millis(pause), jobs, publisher));
    HttpResponse::Created()
        .insert_header((LOCATION, location))
        .finish()
}

/// Does the job, and tells of each step those who wait for it.
async fn work(name: String, pause: Duration, jobs: Data<Jobs>, publisher: Data<Publisher>) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(job) = jobs.advance(&name) else {
            return;
        };
        let answer = Answer::json(&job)
            .header("etag", etag(&job).to_string())
            .header("cache-control", "no-cache");
        // With the version before it, the proxy notices what got lost and asks here.
        let item = Item::from(answer)
            .id(job.version.to_string())
            .prev_id((job.version - 1).to_string());
        if let Err(error) = publisher.publish(channel_of(&name), item).await {
            tracing::error!(error = &error as &dyn Error, "a step was not published");
        }
        if job.is_done() {
            return;
        }
    }
}

/// The state of a job: now, or when it is another than the client has.
async fn follow(
    request: HttpRequest,
    name: Path<String>,
    cx: GripContext,
    jobs: Data<Jobs>,
) -> HttpResponse {
    let Some(job) = jobs.get(&name) else {
        return HttpResponse::NotFound().finish();
    };
    let has_it = match request.get_header() {
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&etag(&job))),
        _ => false,
    };
    let mut answer = match has_it {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    answer
        .insert_header(ETag(etag(&job)))
        .insert_header((CACHE_CONTROL, "no-cache"));
    if !has_it {
        return answer.json(job);
    }
    // Nothing comes of a job that is done.
    if job.is_done() {
        return answer.finish();
    }
    let wait = wait(request.headers());
    let recovery = Recovery::new(cx.last(), channel_of(&name));
    let hold = Hold::response_after(&recovery, job.version.to_string()).timeout(wait);
    answer
        .insert_header(("preference-applied", format!("wait={}", wait.as_secs())))
        .hold(hold)
        .finish()
}

/// How long the client would wait.
fn wait(headers: &HeaderMap) -> Duration {
    let preferences = headers.get("prefer").and_then(|value| value.to_str().ok());
    let preferences = preferences.unwrap_or_default();
    let wait = preferences.split([',', ';']).find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let is_wait = name.trim_ascii().eq_ignore_ascii_case("wait");
        is_wait.then(|| value.trim_ascii().parse().ok()).flatten()
    });
    wait.map_or(WAIT, |seconds: u64| {
        Duration::from_secs(seconds.max(1)).min(MAX_WAIT)
    })
}

/// The same for the same state of the same job, and never for another: names of jobs do not repeat.
fn etag(job: &Job) -> EntityTag {
    EntityTag::new_strong(format!("{}-{}", job.name, job.version))
}

fn channel_of(name: &str) -> String {
    format!("job-{name}")
}
