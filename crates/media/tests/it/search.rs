//! SearchMedia and DescribeStorageData, each held against a plain walk over what DescribeMediaInfos
//! shows of every file.

use media::SearchError;
use model::Timestamp;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use wire::action::{MediaSearch, ModifyMediaInfo, TimeRange};

use crate::world::{APP, OTHER, World, application, apply_request, noise, wav};

const NAMES: [&str; 8] =
    ["Sport file", "sport", "Ärger", "电影 Film", "film", "A_b%c", "SPORT 2", "İstanbul"];
const TYPES: [&str; 4] = ["mp4", "wav", "png", "m4a"];
const REGIONS: [&str; 3] = ["ap-guangzhou", "ap-hongkong", "ap-shanghai"];

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// A library of files that differ in everything.
async fn filled(files: usize) -> (World, Vec<Value>, i64) {
    let world = World::new().await;
    let class = world.library.create_class(APP, -1, "films").await.unwrap();
    let old = world.library.create_class(APP, class, "old").await.unwrap();
    world.library.create_class(APP, -1, "empty").await.unwrap();
    for n in 0..files {
        let mut request = apply_request(TYPES[n % 4]);
        request.media_name = format!("{}{}", NAMES[n % 8], n / 8);
        request.storage_region = REGIONS[n % 3].to_owned();
        let applied = world.library.apply(&application(APP), &request).await.unwrap();
        let grant = world.grant(&applied).await;
        let bytes = if n % 4 == 1 { wav(1) } else { noise(100 + n, 7) };
        world.put(&grant, &applied.session.media_key, &bytes).await.unwrap();
        let key = &applied.vod_session_key;
        let file = world.library.commit_upload(&application(APP), key).await.unwrap().file;
        let end = [None, Timestamp::parse_iso("2030-01-01T00:00:00Z")][n % 2];
        let change = ModifyMediaInfo {
            file_id: file.to_string(),
            description: Some(["", "About Sport", "über"][n % 3].to_owned()),
            class_id: Some([0, class, old][n % 3]),
            expire_time: end,
            add_tags: texts(&[["red", "Red"][n % 2], "all"][..n % 3]),
            ..ModifyMediaInfo::default()
        };
        world.library.modify(&application(APP), &change).await.unwrap();
        if n % 5 == 0 {
            world.library.forbid(APP, &[file.to_string()], true).await.unwrap();
        }
        world.pass(if n % 7 == 0 { 0 } else { 700 });
    }
    let all = search(&world, &MediaSearch { limit: Some(1_000), ..MediaSearch::default() }).await;
    assert_eq!(all.0, files);
    (world, all.1, class)
}

/// The total, and what is shown of each hit.
async fn search(world: &World, request: &MediaSearch) -> (usize, Vec<Value>) {
    let reply = world.library.search(APP, request).await.unwrap();
    let mut shown = serde_json::to_value(&reply.media_info_set).unwrap();
    (reply.total_count, std::mem::take(shown.as_array_mut().unwrap()))
}

/// Whether a file, as it is shown, meets what is documented.
fn meets(file: &Value, request: &MediaSearch, films: i64) -> bool {
    let basic = &file["BasicInfo"];
    let text = |name: &str| basic[name].as_str().unwrap().to_lowercase();
    let one_of = |values: &[String], value: &Value| {
        values.is_empty() || values.iter().any(|other| value == other.as_str())
    };
    let part = |values: &[String], text: String| {
        values.is_empty() || values.iter().any(|value| text.contains(&value.to_lowercase()))
    };
    let time = |name: &str| Timestamp::parse_iso(basic[name].as_str().unwrap()).unwrap();
    let within = |range: &TimeRange, at: Timestamp| {
        range.after.is_none_or(|after| at >= after) && range.before.is_none_or(|b| at <= b)
    };
    let class = basic["ClassId"].as_i64().unwrap();
    let tags: Vec<&str> =
        basic["TagSet"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    let types: Vec<String> = request.media_types.iter().map(|t| t.to_lowercase()).collect();
    one_of(&request.file_ids, &file["FileId"])
        && part(&request.names, text("Name"))
        && part(&request.descriptions, text("Description"))
        && (request.name_prefixes.is_empty()
            || request.name_prefixes.iter().any(|p| text("Name").starts_with(&p.to_lowercase())))
        && (request.text.is_empty()
            || part(std::slice::from_ref(&request.text), text("Name"))
            || part(std::slice::from_ref(&request.text), text("Description")))
        && (request.class_ids.is_empty()
            || request.class_ids.contains(&class)
            || request.class_ids.contains(&films) && class == films + 1)
        && (request.tags.is_empty() || request.tags.iter().any(|tag| tags.contains(&tag.as_str())))
        && one_of(&request.categories, &basic["Category"])
        && one_of(&request.source_types, &basic["SourceInfo"]["SourceType"])
        && one_of(&types, &basic["Type"])
        && one_of(&request.status, &basic["Status"])
        && one_of(&request.storage_regions, &basic["StorageRegion"])
        && one_of(&request.storage_classes, &basic["StorageClass"])
        && within(&request.create_time, time("CreateTime"))
        && request.end_time.is_none_or(|end| time("CreateTime") < end)
        && within(&request.expire_time, time("ExpireTime"))
}

/// A random search of files that were created from `start` on.
fn drawn(draw: &mut impl FnMut(u32) -> u32, start: Timestamp) -> MediaSearch {
    let mut pick = |values: &[&str]| -> Vec<String> {
        let count = if draw(4) > 0 { 0 } else { 1 + draw(2) };
        let bound = u32::try_from(values.len()).unwrap();
        let mut one = || values[usize::try_from(draw(bound)).unwrap()].to_owned();
        (0..count).map(|_| one()).collect()
    };
    let class_ids = pick(&["0", "1", "2", "3", "9"]);
    let request = MediaSearch {
        names: pick(&["SPORT", "fil", "ä", "_b%", "影", "nothing", "i"]),
        name_prefixes: pick(&["s", "Film", "电", "ärger", "2"]),
        descriptions: pick(&["sport", "ÜBER", "x"]),
        tags: pick(&["red", "Red", "all", "none"]),
        categories: pick(&["Video", "Audio", "Image"]),
        source_types: pick(&["Upload", "Upload", "Record"]),
        storage_regions: pick(&["ap-guangzhou", "ap-hongkong", "ap-nowhere"]),
        storage_classes: pick(&["STANDARD", "STANDARD", "ARCHIVE"]),
        media_types: pick(&["MP4", "png", "flv"]),
        status: pick(&["Normal", "Forbidden", "SystemForbidden"]),
        text: pick(&["sport", "ü", "a"]).pop().unwrap_or_default(),
        class_ids: class_ids.iter().map(|class| class.parse().unwrap()).collect(),
        ..MediaSearch::default()
    };
    let mut time = || {
        let at = start.plus_ms(i64::from(draw(30)) * 1_000);
        Some(at).filter(|_| draw(5) == 0)
    };
    let create_time = TimeRange { after: time(), before: time() };
    MediaSearch {
        create_time,
        end_time: time().filter(|_| create_time.before.is_none()),
        expire_time: TimeRange { after: time(), before: None },
        ascending: draw(2) == 0,
        offset: draw(5).into(),
        limit: Some(u64::from(draw(30))),
        ..request
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_is_documented() {
    let (world, all, films) = filled(48).await;
    let mut runner = TestRunner::new(Config::default());
    let mut draw = |bound: u32| (0..bound).new_tree(&mut runner).unwrap().current();
    let first = all[47]["BasicInfo"]["CreateTime"].as_str().unwrap();
    let start = Timestamp::parse_iso(first).unwrap();
    let mut found = 0;
    for _ in 0..600 {
        let request = drawn(&mut draw, start);
        let mut hits: Vec<&Value> =
            all.iter().filter(|file| meets(file, &request, films)).collect();
        let (total, shown) = search(&world, &request).await;
        assert_eq!(total, hits.len(), "{request:?}");
        found += total;
        let (offset, limit) = (request.offset, request.limit.unwrap());
        let (offset, limit) = (usize::try_from(offset).unwrap(), usize::try_from(limit).unwrap());
        assert_eq!(shown.len(), total.saturating_sub(offset).min(limit));
        assert!(shown.iter().all(|file| hits.contains(&file)), "{request:?}");
        if request.names.is_empty() && request.descriptions.is_empty() && request.text.is_empty() {
            // `all` has the newest first; of those of one moment no time tells the order
            if request.ascending {
                hits.reverse();
            }
            let time = |file: &Value| file["BasicInfo"]["CreateTime"].clone();
            let page = hits.iter().skip(offset).map(|file| time(file));
            assert!(shown.iter().map(time).eq(page.take(limit)), "{request:?}");
        }
    }
    assert!(found > 600, "most searches should find something: {found}");
}

#[tokio::test]
async fn the_best_match_comes_first() {
    let (world, ..) = filled(16).await;
    let names = async |names: &[&str]| -> Vec<String> {
        let request = MediaSearch { names: texts(names), ..MediaSearch::default() };
        let (_, shown) = search(&world, &request).await;
        shown.iter().map(|file| file["BasicInfo"]["Name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["sport1"]).await, ["sport1"]);
    // the whole name, then two values, then one at the beginning or inside
    assert_eq!(names(&["film", "电影"]).await, ["电影 Film1", "电影 Film0", "film1", "film0"]);
    assert_eq!(names(&["film0", "xx"]).await, ["film0", "电影 Film0"]);
    assert_eq!(names(&["file0", "e1"]).await, ["Sport file1", "Sport file0"]);
}

#[tokio::test]
async fn pages_and_values_have_their_limits() {
    let (world, all, _) = filled(12).await;
    assert_eq!(search(&world, &MediaSearch::default()).await.1.len(), 10, "the default Limit");
    let mut seen = Vec::new();
    for offset in (0..12).step_by(5) {
        let request = MediaSearch { offset, limit: Some(5), ..MediaSearch::default() };
        let (total, shown) = search(&world, &request).await;
        assert_eq!(total, 12);
        seen.extend(shown);
    }
    assert_eq!(seen, all);
    let filters = MediaSearch { filters: texts(&["metaData"]), ..MediaSearch::default() };
    let (_, shown) = search(&world, &filters).await;
    assert!(shown.iter().all(|file| file["BasicInfo"].is_null()));
    let other = world.library.search(OTHER, &MediaSearch::default()).await.unwrap();
    assert_eq!((other.total_count, other.media_info_set.len()), (0, 0));
    let last = MediaSearch { offset: 4_990, limit: Some(10), ..MediaSearch::default() };
    assert_eq!(search(&world, &last).await, (12, Vec::new()));
    for beyond in [
        MediaSearch { beyond: true, ..MediaSearch::default() },
        MediaSearch { stream_ids: texts(&["s"]), ..MediaSearch::default() },
        MediaSearch { review_results: texts(&["pass"]), ..MediaSearch::default() },
    ] {
        assert_eq!(search(&world, &beyond).await.0, 0, "{beyond:?}");
    }
    let unmoderated =
        MediaSearch { review_results: texts(&["notModerated"]), ..MediaSearch::default() };
    assert_eq!(search(&world, &unmoderated).await.0, 12);
    let many = |n: usize| vec!["a".to_owned(); n];
    let long = |n: usize| vec!["a".repeat(n)];
    let base = MediaSearch::default;
    for (member, request) in [
        ("Offset", MediaSearch { offset: 4_991, ..base() }),
        ("Offset", MediaSearch { offset: u64::MAX, limit: Some(u64::MAX), ..base() }),
        ("FileIds", MediaSearch { file_ids: many(11), ..base() }),
        ("FileIds", MediaSearch { file_ids: long(41), ..base() }),
        ("Names", MediaSearch { names: many(11), ..base() }),
        ("Names", MediaSearch { names: long(101), ..base() }),
        ("NamePrefixes", MediaSearch { name_prefixes: many(11), ..base() }),
        ("Descriptions", MediaSearch { descriptions: long(101), ..base() }),
        ("ClassIds", MediaSearch { class_ids: vec![1; 11], ..base() }),
        ("Tags", MediaSearch { tags: many(17), ..base() }),
        ("Tags", MediaSearch { tags: long(33), ..base() }),
        ("StorageRegions", MediaSearch { storage_regions: many(21), ..base() }),
        ("Text", MediaSearch { text: "a".repeat(65), ..base() }),
        ("Categories", MediaSearch { categories: texts(&["video"]), ..base() }),
        ("SourceTypes", MediaSearch { source_types: texts(&["Uploads"]), ..base() }),
        ("Status", MediaSearch { status: texts(&["normal"]), ..base() }),
        ("StorageClasses", MediaSearch { storage_classes: texts(&["COLD"]), ..base() }),
        ("ReviewResults", MediaSearch { review_results: texts(&["ok"]), ..base() }),
        ("Filters", MediaSearch { filters: texts(&["all"]), ..base() }),
    ] {
        let error = world.library.search(APP, &request).await.unwrap_err();
        assert!(matches!(error, SearchError::Member { member: m, .. } if m == member), "{error}");
    }
}

#[tokio::test]
async fn what_is_stored_is_counted() {
    let (world, all, _) = filled(12).await;
    let data = async || {
        let reply = world.library.storage_data(APP).await.unwrap();
        serde_json::to_value(reply).unwrap()
    };
    let bytes = |region: &str| -> u64 {
        let place = |file: &&Value| file["BasicInfo"]["StorageRegion"] == region;
        let here = all.iter().filter(place).map(|file| {
            let n = file["BasicInfo"]["Name"].as_str().unwrap();
            let n = NAMES
                .iter()
                .position(|name| n.strip_prefix(name).is_some_and(|r| r.len() == 1))
                .unwrap()
                + 8 * n[n.len() - 1..].parse::<usize>().unwrap();
            if n % 4 == 1 { wav(1).len() } else { 100 + n }
        });
        u64::try_from(here.sum::<usize>()).unwrap()
    };
    let inside = bytes("ap-guangzhou") + bytes("ap-shanghai");
    let before = data().await;
    assert_eq!(before["MediaCount"], 12);
    assert_eq!(before["TotalStorage"], inside + bytes("ap-hongkong"));
    assert_eq!(before["StandardStorage"], before["TotalStorage"]);
    let areas = &before["StorageStat"];
    assert_eq!(
        (&areas[0]["Area"], &areas[1]["Area"]),
        (&json!("Chinese Mainland"), &json!("Outside Chinese Mainland"))
    );
    assert_eq!(
        (&areas[0]["TotalStorage"], &areas[1]["TotalStorage"]),
        (&json!(inside), &json!(bytes("ap-hongkong")))
    );
    let file = all[0]["FileId"].as_str().unwrap();
    world.library.delete(&application(APP), file, &[]).await.unwrap();
    let after = data().await;
    assert_eq!(after["MediaCount"], 11);
    assert!(after["TotalStorage"].as_u64() < before["TotalStorage"].as_u64());
    let world = world.restart().await;
    let again = world.library.storage_data(APP).await.unwrap();
    assert_eq!(serde_json::to_value(again).unwrap(), after);
    let other = serde_json::to_value(world.library.storage_data(OTHER).await.unwrap()).unwrap();
    assert_eq!((&other["MediaCount"], &other["TotalStorage"]), (&json!(0), &json!(0)));
}
