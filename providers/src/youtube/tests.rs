use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RANGE};

use super::*;
use crate::error::Resume;
use crate::http::any_body;

fn answer(status: u16, body: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec(), is_foreign: false }
}

fn ranged(range: &'static str) -> Answer {
    let mut answer = answer(308, "");
    answer.headers.insert(RANGE, HeaderValue::from_static(range));
    answer
}

fn upload() -> Upload {
    Upload {
        title: "Three <facts>".to_owned(),
        description: "About the sea".to_owned(),
        tags: vec!["deep sea".to_owned(), "ocean".to_owned(), "ocean".to_owned(), " ".to_owned()],
        size: 10,
        marker: "vf-3f9c2a1e-r1".to_owned(),
        synthetic: true,
        ..Upload::default()
    }
}

fn id(text: &str) -> VideoId {
    VideoId::new(text).unwrap()
}

mod uploads {
    use super::*;

    #[test]
    fn a_resource_has_the_shape_that_the_service_reads() {
        assert_eq!(
            upload().body().unwrap(),
            json!({
                "snippet": {
                    "title": "Three ‹facts›",
                    "description": "About the sea",
                    "tags": ["deep sea", "ocean", "vf-3f9c2a1e-r1"],
                    "categoryId": "22",
                },
                "status": {
                    "privacyStatus": "private",
                    "selfDeclaredMadeForKids": false,
                    "containsSyntheticMedia": true,
                },
            })
        );
    }

    #[test]
    fn a_scheduled_video_is_private_until_then() {
        let at = "2026-11-01T15:00:00Z".parse().ok();
        let body = Upload { privacy: Privacy::Public, publish_at: at, ..upload() }.body().unwrap();
        assert_eq!(body["status"]["privacyStatus"], "private");
        assert_eq!(body["status"]["publishAt"], "2026-11-01T15:00:00Z");
        let body = Upload { privacy: Privacy::Public, ..upload() }.body().unwrap();
        assert_eq!(body["status"]["privacyStatus"], "public");
    }

    #[test]
    fn texts_are_cut_to_what_the_service_takes_and_the_marker_always_stays() {
        let long = Upload {
            title: "é".repeat(150),
            description: "é".repeat(4_000),
            tags: (0..100).map(|number| format!("tag number {number}")).collect(),
            ..upload()
        };
        let snippet = long.body().unwrap()["snippet"].clone();
        assert_eq!(snippet["title"].as_str().unwrap().chars().count(), 100);
        assert_eq!(snippet["description"].as_str().unwrap().len(), 5_000);
        let tags: Vec<&str> = snippet["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(tags.last(), Some(&"vf-3f9c2a1e-r1"));
        let counted: usize = tags.iter().map(|tag| tag.len() + if tag.contains(' ') { 3 } else { 1 }).sum();
        assert!((450..=501).contains(&counted), "{counted}");
    }

    #[test]
    fn texts_are_made_to_fit_before_anything_is_uploaded_and_what_is_left_out_is_reported() {
        let body = |upload: &Upload| upload.body().unwrap()["snippet"].clone();
        let copied = Upload {
            title: "Mountains <Part 1>\nand\u{b} more".to_owned(),
            description:
                "Copied from a slide:\u{b} point one, a > b\r\nsecond\u{0} line\u{2028}third\tend\u{85}"
                    .to_owned(),
            tags: vec!["a\u{7}b, \"c\"".to_owned(), "\n".to_owned()],
            ..upload()
        };
        let snippet = body(&copied);
        assert_eq!(snippet["title"], "Mountains ‹Part 1› and more");
        assert_eq!(snippet["description"], "Copied from a slide:  point one, a › b\nsecond  line\nthird end");
        assert_eq!(snippet["tags"], json!(["a b c", "vf-3f9c2a1e-r1"]));
        assert_eq!(copied.omitted(), [""; 0]);

        let long = Upload {
            title: "😀".repeat(80),
            description: "深".repeat(2_000),
            tags: (0..40).map(|number| format!("😀 a tag with spaces {number:02}")).collect(),
            ..upload()
        };
        let snippet = body(&long);
        assert_eq!(snippet["title"].as_str().unwrap().chars().count(), 50, "an emoji counts twice");
        assert_eq!(snippet["description"].as_str().unwrap().len(), 4_998, "no letter is cut in two");
        let counted: usize = snippet["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag.as_str().unwrap().encode_utf16().count() + 3)
            .sum();
        assert!(counted <= 503, "{counted}");
        let omitted = long.omitted();
        assert!(
            omitted.len() == 3 && omitted[0].contains("title") && omitted[2].contains("tags"),
            "{omitted:?}"
        );
        for text in [&snippet["title"], &snippet["description"]] {
            assert!(!text.as_str().unwrap().contains(|c: char| c.is_control() && c != '\n'));
        }
    }

    #[test]
    fn a_video_without_a_title_is_a_matter_of_configuration() {
        let error = Upload { title: "  ".to_owned(), ..upload() }.body().unwrap_err();
        assert!(matches!(error, ProviderError::Configuration { .. }));
    }

    #[test]
    fn ids_are_plain() {
        assert_eq!(id("dQw4w9WgXcQ").url(), "https://www.youtube.com/watch?v=dQw4w9WgXcQ");
        for odd in ["", "a/b", "a&b=c", "a b", "é"] {
            assert_eq!(VideoId::new(odd), None, "{odd}");
        }
    }
}

mod sessions {
    use super::*;

    fn read(answer: &Answer) -> Result<Stored, ProviderError> {
        session::read(answer, 1_000_000).unwrap()
    }

    #[test]
    fn a_session_says_how_much_it_has() {
        assert_eq!(read(&answer(308, "")).unwrap(), Stored::Bytes(0));
        assert_eq!(read(&ranged("bytes=0-524287")).unwrap(), Stored::Bytes(524_288));
        assert_eq!(read(&ranged("0-0")).unwrap(), Stored::Bytes(1));
        assert_eq!(
            read(&answer(201, r#"{"kind":"youtube#video","id":"abc_-1"}"#)).unwrap(),
            Stored::Done(id("abc_-1"))
        );
        assert_eq!(read(&answer(404, "")).unwrap(), Stored::Gone);
        assert_eq!(read(&answer(410, "")).unwrap(), Stored::Gone);
        assert!(session::read(&answer(503, ""), 1).is_none());
    }

    #[test]
    fn nonsense_is_not_believed() {
        for range in
            ["bytes=5-10", "bytes=0-1000000", "bytes=0-18446744073709551615", "bytes=", "x", "0-", "-5"]
        {
            assert!(matches!(read(&ranged(range)), Err(ProviderError::Unexpected { .. })), "{range}");
        }
        for body in ["", "{}", r#"{"id":"a/b"}"#, r#"{"id":5}"#] {
            assert!(matches!(read(&answer(200, body)), Err(ProviderError::OutcomeUnknown { .. })), "{body}");
        }
    }

    #[test]
    fn chunks_are_multiples_but_for_the_last() {
        assert_eq!(session::range(600_000, 0, 262_144).unwrap(), "bytes 0-262143/600000");
        assert_eq!(session::range(600_000, 524_288, 75_712).unwrap(), "bytes 524288-599999/600000");
        for (from, length) in [(0, 0), (0, 1_000), (524_288, 75_713), (u64::MAX, 262_144)] {
            assert!(session::range(600_000, from, length).is_err(), "{from} {length}");
        }
    }

    #[test]
    fn only_web_addresses_are_sessions() {
        let good = HeaderValue::from_static("https://www.googleapis.com/upload/x?upload_id=abc");
        assert!(session::address(Some(&good)).unwrap().reveal().ends_with("upload_id=abc"));
        for odd in [None, Some("file:///etc/passwd"), Some(""), Some("/upload/x")] {
            let odd = odd.map(HeaderValue::from_static);
            assert!(session::address(odd.as_ref()).is_err(), "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read(status in 100u16..1000, body in any_body(), range: Vec<u8>) {
            let mut headers = HeaderMap::new();
            headers.extend(HeaderValue::from_bytes(&range).ok().map(|value| (RANGE, value)));
            let answer = Answer { status: StatusCode::from_u16(status).unwrap(), headers, body, is_foreign: false };
            match session::read(&answer, 1_000) {
                Some(Ok(Stored::Bytes(stored))) => prop_assert!(stored <= 1_000),
                Some(Ok(Stored::Done(_))) => prop_assert!(false, "no body can be a video by chance"),
                _ => {}
            }
        }

        #[test]
        fn any_text_is_an_address_or_an_error(text in "\\PC{0,40}") {
            let _ = session::address(HeaderValue::from_str(&text).ok().as_ref());
            let _ = session::secrets(&Secret::new(&text));
        }
    }
}

mod tokens {
    use super::*;

    #[test]
    fn a_token_and_its_length_are_read() {
        let body = br#"{"access_token":"ya29.a0AR","expires_in":3599,"scope":"s","token_type":"Bearer"}"#;
        let (token, seconds) = token::read(body).unwrap();
        assert_eq!((token.reveal(), seconds), ("ya29.a0AR", 3_599));
        assert_eq!(token::read(br#"{"access_token":"t"}"#).unwrap().1, 300);
        assert_eq!(token::read(br#"{"access_token":"t","expires_in":-5}"#).unwrap().1, 0);
    }

    #[test]
    fn an_unreadable_answer_is_not_quoted() {
        let error = token::read(br#"{"access_token":"ya29.secret""#).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn a_revoked_login_needs_a_person_and_a_broken_service_does_not() {
        let revoked = answer(
            400,
            r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
        );
        let error = token::fault(&revoked);
        assert!(
            matches!(&error, ProviderError::Credentials { message, .. } if message.contains("sign in again")),
            "{error}"
        );
        let client = answer(
            401,
            r#"{"error":"invalid_client","error_description":"The OAuth client was not found."}"#,
        );
        assert!(matches!(token::fault(&client), ProviderError::Credentials { .. }));
        assert!(matches!(token::fault(&answer(503, "")), ProviderError::Unavailable { .. }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_and_no_panic(status in 100u16..1000, body in any_body()) {
            prop_assert!(token::read(&body).is_err());
            let status = StatusCode::from_u16(status).unwrap();
            let _ = token::fault(&Answer { status, headers: HeaderMap::new(), body, is_foreign: false });
        }
    }
}

mod faults {
    use super::*;

    fn error(status: u16, body: &str) -> ProviderError {
        fault::read(&answer(status, body), "2026-10-05T20:00:00Z".parse().unwrap())
    }

    fn reason(domain: &str, reason: &str, message: &str) -> String {
        json!({"error": {"code": 0, "message": message, "errors": [{"domain": domain, "reason": reason}]}})
            .to_string()
    }

    #[test]
    fn the_days_quota_comes_back_at_midnight_in_california() {
        let midnight = Resume::At("2026-10-06T07:00:00Z".parse().unwrap());
        let old = error(403, &reason("youtube.quota", "quotaExceeded", "The request cannot be completed"));
        let new = error(
            429,
            &reason(
                "global",
                "rateLimitExceeded",
                "Quota exceeded for quota metric 'Video Uploads' and limit 'Video Uploads per day' of service",
            ),
        );
        for error in [old, new] {
            assert!(
                matches!(error, ProviderError::RateLimited { resume, .. } if resume == midnight),
                "{error}"
            );
        }
    }

    #[test]
    fn a_channel_that_uploaded_too_much_waits_for_a_day() {
        let error = error(400, &reason("youtube.video", "uploadLimitExceeded", "The user has exceeded"));
        let day = Resume::After(Duration::from_hours(24));
        assert!(matches!(error, ProviderError::RateLimited { resume, .. } if resume == day), "{error}");
    }

    #[test]
    fn what_a_person_must_fix_is_distinguished() {
        let scopes = error(403, &reason("global", "insufficientPermissions", "Insufficient Permission"));
        assert!(matches!(scopes, ProviderError::Credentials { .. }));
        let title = error(
            400,
            &reason("youtube.video", "invalidTitle", "The request metadata specifies an invalid title"),
        );
        assert!(matches!(title, ProviderError::Configuration { .. }));
        assert!(matches!(error(500, "<html>"), ProviderError::Unavailable { .. }));
    }

    #[test]
    fn what_cannot_be_added_is_declined_unless_it_is_a_matter_of_time() {
        let thumbnail = answer(403, &reason("youtube.thumbnail", "forbidden", "The thumbnail can't be set"));
        assert!(fault::declined(&thumbnail).unwrap().contains("can't be set"));
        let quota = answer(403, &reason("youtube.quota", "quotaExceeded", "m"));
        assert_eq!(fault::declined(&quota), None);
        assert_eq!(fault::declined(&answer(503, "")), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_an_error_and_no_panic(status in 100u16..1000, body in any_body()) {
            let answer = Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body, is_foreign: false };
            let _ = fault::read(&answer, Timestamp::UNIX_EPOCH);
            let _ = fault::declined(&answer);
        }
    }
}

mod videos {
    use super::*;

    const MARKER: &str = "vf-3f9c2a1e-r1";

    fn with(snippet: &Value) -> Value {
        json!({"items": [{"id": "other1", "snippet": {"tags": ["sea"]}}, {"id": "mine2", "snippet": snippet}]})
    }

    #[test]
    fn a_marker_is_found_in_tags_and_description() {
        for snippet in [
            json!({"tags": ["sea", MARKER], "description": ""}),
            json!({"description": format!("About the sea.\n{MARKER}")}),
        ] {
            assert_eq!(find::marked(&with(&snippet), MARKER), Some(id("mine2")), "{snippet}");
        }
    }

    #[test]
    fn another_runs_marker_is_another() {
        for snippet in [
            json!({"tags": [format!("{MARKER}0")]}),
            json!({"description": format!("{MARKER}0 and x{MARKER} and -{MARKER}-2")}),
            json!({}),
        ] {
            assert_eq!(find::marked(&with(&snippet), MARKER), None, "{snippet}");
        }
    }

    #[test]
    fn pages_are_read_with_their_tokens() {
        let page = json!({"items": [{"contentDetails": {"videoId": "a1"}}, {"contentDetails": {"videoId": "a/b"}}],
            "nextPageToken": "CDI="});
        assert_eq!(find::ids(&page), (vec!["a1".to_owned()], Some("CDI=".to_owned())));
        assert!(find::page("UU x", "CDI=").ends_with("playlistId=UU+x&pageToken=CDI%3D"));
    }

    #[test]
    fn an_account_without_a_channel_is_reported() {
        assert!(matches!(find::uploads(&json!({"items": []})), Err(ProviderError::Configuration { .. })));
    }

    #[test]
    fn a_status_is_read() {
        let of = |status: &Value| status::read(&json!({"items": [{"id": "a", "status": status}]})).unwrap();
        let scheduled = of(&json!({"uploadStatus": "uploaded", "privacyStatus": "private",
            "publishAt": "2026-11-01T15:00:00Z"}));
        assert_eq!(scheduled.upload, UploadState::Uploaded);
        assert_eq!(scheduled.privacy, Some(Privacy::Private));
        assert_eq!(scheduled.publish_at, "2026-11-01T15:00:00Z".parse().ok());
        let rejected = of(&json!({"uploadStatus": "rejected", "rejectionReason": "duplicate"}));
        assert_eq!(rejected.upload, UploadState::Rejected("duplicate".to_owned()));
        let failed = of(&json!({"uploadStatus": "failed", "failureReason": "codec"}));
        assert_eq!(failed.upload, UploadState::Failed("codec".to_owned()));
        assert_eq!(of(&json!({})).upload, UploadState::Other(String::new()));
        assert_eq!(status::read(&json!({"items": []})), None);
    }

    #[test]
    fn a_multipart_body_holds_both_parts_between_boundaries_that_neither_holds() {
        let (media_type, body) = parts::multipart(&json!({"a": 1}), b"--videofactory\n1\n00:00:00,000");
        let boundary = media_type.strip_prefix("multipart/related; boundary=").unwrap();
        let text = String::from_utf8(body).unwrap();
        let pieces: Vec<&str> = text.split(&format!("--{boundary}")).collect();
        assert_eq!(pieces.len(), 4);
        assert!(pieces[1].ends_with("\r\n\r\n{\"a\":1}\r\n") && pieces[2].ends_with("1\n00:00:00,000\r\n"));
        assert_eq!(pieces[3], "--\r\n");
    }

    #[test]
    fn files_that_are_no_thumbnails_are_declined_before_they_are_sent() {
        for (bytes, kind) in [(10, "image/webp"), (3_000_000, "image/png")] {
            assert!(matches!(parts::unfit_thumbnail(bytes, kind), Some(Addition::Declined(_))));
        }
        assert_eq!(parts::unfit_thumbnail(10, "image/jpeg"), None);
    }

    proptest! {
        #[test]
        fn any_json_is_read_without_panic(body in "[\\[\\]{}:,\"a-z0-9]{0,60}", marker in "\\PC{0,10}", text in "\\PC{0,40}") {
            if let Ok(value) = serde_json::from_str::<Value>(&body) {
                let _ = (find::uploads(&value), find::ids(&value), status::read(&value), parts::has_items(&value));
            }
            let _ = find::marked(&with(&json!({"description": text, "tags": [text]})), &marker);
        }
    }
}
