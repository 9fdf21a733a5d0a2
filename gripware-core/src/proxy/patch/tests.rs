use serde_json::json;

use super::*;

fn patched(body: &Value, patch: &Value) -> Option<Value> {
    let patched = super::patch(body.to_string().as_bytes(), patch.to_string().as_bytes())?;
    serde_json::from_slice(&patched).ok()
}

#[test]
fn each_operation_is_applied() {
    let patch = json!([
        {"op": "test", "path": "/items/0", "value": 1},
        {"op": "add", "path": "/items/-", "value": 3},
        {"op": "add", "path": "/items/0", "value": 0},
        {"op": "replace", "path": "/n", "value": 2},
        {"op": "remove", "path": "/items/1"},
        {"op": "copy", "from": "/n", "path": "/a~1b"},
        {"op": "move", "from": "/n", "path": "/m"},
    ]);
    assert_eq!(
        patched(&json!({"items": [1], "n": 1}), &patch),
        Some(json!({"items": [0, 3], "a/b": 2, "m": 2}))
    );
}

#[test]
fn a_patch_that_does_not_fit_gives_nothing() {
    let body = json!({"items": [1]});
    for operation in [
        json!({"op": "test", "path": "/items/0", "value": 2}),
        json!({"op": "add", "path": "/items/1", "value": 2}),
        json!({"op": "remove", "path": "/none"}),
        json!({"op": "replace", "path": "/none", "value": 1}),
        json!({"op": "turn", "path": ""}),
    ] {
        assert_eq!(patched(&body, &json!([operation])), None);
    }
    assert_eq!(super::patch(b"no json", b"[]"), None);
}

#[test]
fn a_patch_does_not_grow_without_end() {
    let doubling = json!({"op": "copy", "from": "", "path": "/a"});
    let body = json!({"a": 0, "b": "x".repeat(800)});
    let fits = vec![&doubling; 8];
    assert!(patched(&body, &json!(fits)).is_some());
    let bomb = vec![&doubling; 1000];
    assert_eq!(patched(&body, &json!(bomb)), None);

    let test = json!({"op": "test", "path": "", "value": body});
    let many = vec![&test; MAX_OPERATIONS];
    assert!(patched(&body, &json!(many)).is_some());
    let too_many = vec![&test; MAX_OPERATIONS + 1];
    assert_eq!(patched(&body, &json!(too_many)), None);
    assert_eq!(super::patch(&vec![b' '; MAX_PATCHED + 1], b"[]"), None);
}

#[test]
fn a_path_is_a_pointer() {
    let body = json!({"items": [1]});
    for path in ["x", "items/0", "/items/00", "/items/+0"] {
        let add = json!([{"op": "add", "path": path, "value": 2}]);
        assert_eq!(patched(&body, &add), None, "{path}");
    }
    let whole = json!([{"op": "add", "path": "", "value": 2}]);
    assert_eq!(patched(&body, &whole), Some(json!(2)));
}

/// Bytes of the stack on which tokio runs tasks by default.
const STACK: usize = 2 << 20;

/// A body of arrays and objects that nest `depth` deep around a number.
fn nested(depth: usize) -> String {
    let objects = depth / 2;
    let arrays = depth - objects;
    [
        &"{\"a\":".repeat(objects),
        &"[".repeat(arrays),
        "0",
        &"]".repeat(arrays),
        &"}".repeat(objects),
    ]
    .concat()
}

/// Seen to end the process: a body that is put into a deep one, again and again, overflows the stack
/// when it is written, and when it is dropped.
#[test]
fn a_body_that_is_moved_into_itself_does_not_overflow_the_stack() {
    let deep = (0..115).fold(json!(0), |value, _| json!({ "a": value }));
    let round = [
        json!({"op": "add", "path": "/b", "value": deep}),
        json!({"op": "move", "from": "/a", "path": format!("/b{}", "/a".repeat(115))}),
        json!({"op": "move", "from": "/b", "path": "/a"}),
    ];
    let attack = |rounds: usize| {
        let operations = round.iter().cycle().take(3 * rounds).collect::<Vec<_>>();
        let operations = json!(operations).to_string();
        let patching = move || super::patch(br#"{"a":0}"#, operations.as_bytes());
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn(patching).unwrap().join().unwrap()
    };
    assert_eq!(attack(120), None);
    assert_eq!(attack(2), None);
    assert!(attack(1).is_some());
}

#[test]
fn a_body_nests_less_than_128_deep_whatever_is_done_to_it() {
    let body = json!({"a": 0, "b": serde_json::from_str::<Value>(&nested(100)).unwrap()});
    let pointer = |depth: usize| {
        let objects = depth.min(50);
        format!("/b{}{}", "/a".repeat(objects), "/0".repeat(depth - objects))
    };
    // Around the place are the body and the hundred.
    for (depth, fits) in [(26, true), (27, false)] {
        let value: Value = serde_json::from_str(&nested(depth)).unwrap();
        let place = pointer(100);
        let nothing = json!({"op": "test", "path": place, "value": 0});
        for operations in [
            json!([nothing, {"op": "replace", "path": place, "value": value}]),
            json!([
                {"op": "replace", "path": place, "value": {}},
                {"op": "add", "path": format!("{place}/x"), "value": value.pointer("/a").unwrap()},
            ]),
            json!([
                {"op": "replace", "path": "/a", "value": value},
                {"op": "replace", "path": place, "value": []},
                {"op": "move", "from": "/a/a", "path": format!("{place}/-")},
            ]),
            json!([
                {"op": "replace", "path": "/a", "value": value},
                {"op": "replace", "path": place, "value": []},
                {"op": "copy", "from": "/a/a", "path": format!("{place}/-")},
            ]),
        ] {
            let given = (body.to_string(), operations.to_string());
            let patched = super::patch(given.0.as_bytes(), given.1.as_bytes());
            assert_eq!(patched.is_some(), fits, "{depth} {}", operations[1]);
            // And what is written can be read, to be patched once more.
            if let Some(patched) = patched {
                assert!(super::patch(&patched, b"[]").is_some());
            }
        }
    }
    assert!(super::patch(nested(MAX_DEPTH - 1).as_bytes(), b"[]").is_some());
    assert_eq!(super::patch(nested(MAX_DEPTH).as_bytes(), b"[]"), None);
}

/// Each of these would look at, or shift, some hundred million values.
#[test]
fn a_patch_does_not_take_long() {
    let list = vec![0; 200_000];
    let body = json!({"a": list, "b": {}});
    let front = [
        json!({"op": "add", "path": "/a/0", "value": 1}),
        json!({"op": "remove", "path": "/a/0"}),
    ];
    let deeper = [
        json!({"op": "move", "from": "/a", "path": "/b/a"}),
        json!({"op": "move", "from": "/b/a", "path": "/a"}),
    ];
    for round in [front, deeper] {
        let times = |count: usize| json!(round.iter().cycle().take(count).collect::<Vec<_>>());
        assert!(patched(&body, &times(4)).is_some());
        assert_eq!(patched(&body, &times(MAX_OPERATIONS)), None);
    }
    // What costs nothing is not counted.
    let aside = [
        json!({"op": "move", "from": "/a", "path": "/c"}),
        json!({"op": "move", "from": "/c", "path": "/a"}),
    ];
    let aside = aside.iter().cycle().take(MAX_OPERATIONS);
    assert!(patched(&body, &json!(aside.collect::<Vec<_>>())).is_some());
    // A long list of the size that people have.
    let feed = json!({"items": vec!["message"; 400]});
    let add = json!({"op": "add", "path": "/items/0", "value": "message"});
    assert!(patched(&feed, &json!(vec![add; MAX_OPERATIONS])).is_some());
}

#[test]
fn half_an_emoji_is_no_reason_to_fail() {
    let body = b"\xef\xbb\xbf{\"cut\":\"\\ud83d\"}";
    let patch = br#"[{"op": "add", "path": "/more", "value": "\ude00"}]"#;
    let patched = super::patch(body, patch).unwrap();
    assert_eq!(patched, "{\"cut\":\"\u{fffd}\",\"more\":\"\u{fffd}\"}");
}
