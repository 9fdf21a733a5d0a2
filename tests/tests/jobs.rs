//! The example `jobs` in a browser, with the hub inside and behind Pushpin.

use gripware_interop::{Browser, Example};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_follow_a_job_with_the_hub_inside() {
    windows_follow_a_job(&Example::alone("jobs").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_follow_a_job_behind_pushpin() {
    windows_follow_a_job(&Example::behind_pushpin("jobs").await).await;
}

async fn windows_follow_a_job(example: &Example) {
    let mut first = example.window();
    note_states(&mut first);
    first.run(
        "const form = document.querySelector('form');
         form.steps.value = 4;
         form.pause.value = 1500;
         form.requestSubmit();",
    );
    first.comes_to("noted.length > 0", &json!(true));
    let job = first.run("return location.hash.slice(1);");
    let job = job.as_str().expect("a name");
    let mut second = example.window();
    second.run(&format!("location.hash = '{job}';"));
    for window in [&mut first, &mut second] {
        window.comes_to(STATE, &json!("done"));
    }
    // Each state was seen once, as soon as it was there: nobody polled for it.
    let states = json!(["0 of 4", "1 of 4", "2 of 4", "3 of 4", "done"]);
    assert_eq!(first.run("return noted;"), states);
    let requests = "return performance.getEntriesByType('resource')
        .filter(({ name }) => name.includes('/jobs/')).length;";
    assert_eq!(first.run(requests), json!(5));

    let path = format!("/jobs/{job}");
    let answer = example.request("GET", &path).send().await;
    let tag = answer.header("etag").to_owned();
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(
        answer.json().await,
        json!({"name": job, "done": 4, "steps": 4})
    );
    // What is done does not change, so nobody waits for it.
    let answer = example.request("GET", &path).header("if-none-match", &tag);
    assert_eq!(answer.send().await.status(), 304);
    assert_eq!(example.request("GET", "/jobs/1").send().await.status(), 404);
    who_waits_in_vain_is_told(example).await;
}

async fn who_waits_in_vain_is_told(example: &Example) {
    let form = "application/x-www-form-urlencoded";
    let start = example
        .request("POST", "/jobs")
        .header("content-type", form);
    let started = start.body("steps=1&pause=60000").send().await;
    assert_eq!(started.status(), 201);
    let path = started.header("location").to_owned();
    let answer = example.request("GET", &path).send().await;
    let tag = answer.header("etag").to_owned();
    let waits = example.request("GET", &path).header("if-none-match", &tag);
    let answer = waits.header("prefer", "respond-async, wait=1").send().await;
    assert_eq!(answer.status(), 304);
    assert_eq!(answer.header("etag"), tag);
    assert_eq!(answer.header("preference-applied"), "wait=1");
}

const STATE: &str = "document.getElementById('state').textContent";

/// Keeps each text that the page shows of a job.
fn note_states(window: &mut Browser) {
    window.run(
        "window.noted = [];
         new MutationObserver(() => noted.push(document.getElementById('state').textContent))
           .observe(document.getElementById('state'), { childList: true });",
    );
}
