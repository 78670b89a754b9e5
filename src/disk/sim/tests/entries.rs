//! What a power cut leaves of the directories.

use super::*;

#[test]
fn a_synced_file_is_lost_with_its_unsynced_name() {
    let disk = SimDisk::new();
    let file = disk.create("a").expect("the file is new");
    write(&*file, 0, b"1").expect("there is space");
    file.sync_all().expect("no fault is planned");
    assert_eq!(states_in_short(&disk), ["", "a=1"]);
    disk.sync_dir("").expect("no fault is planned");
    assert_eq!(states_in_short(&disk), ["a=1"]);
}

#[test]
fn a_synced_name_does_not_make_bytes_durable() {
    let disk = SimDisk::new();
    let file = disk.create("a").expect("the file is new");
    write(&*file, 0, b"1").expect("there is space");
    disk.sync_dir("").expect("no fault is planned");
    let zero = "a=\0";
    assert_eq!(states_in_short(&disk), ["a=", zero, "a=1"]);
}

#[test]
fn a_rename_leaves_the_old_name_or_the_new() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    disk.rename("a", "b").expect("the name is free");
    assert_eq!(states_in_short(&disk), ["a=1", "b=1"]);
    disk.sync_dir("").expect("no fault is planned");
    assert_eq!(states_in_short(&disk), ["b=1"]);
}

#[test]
fn a_rename_over_a_file_leaves_the_old_file_or_the_new() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    make_durable(&disk, "b", b"2");
    disk.rename("b", "a").expect("both names are there");
    assert_eq!(states_in_short(&disk), ["a=1 b=2", "a=2"]);
}

#[test]
fn a_published_file_is_whole_in_every_state() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    let file = disk.create("tmp").expect("the file is new");
    write(&*file, 0, b"2").expect("there is space");
    file.sync_data().expect("no fault is planned");
    disk.rename("tmp", "a").expect("both names are there");
    assert_eq!(states_in_short(&disk), ["a=1", "a=1 tmp=2", "a=2"]);
}

#[test]
fn a_publication_without_a_sync_can_be_caught() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    let file = disk.create("tmp").expect("the file is new");
    write(&*file, 0, b"2").expect("there is space");
    disk.rename("tmp", "a").expect("both names are there");
    disk.sync_dir("").expect("no fault is planned");
    assert!(states_in_short(&disk).contains(&"a=".to_owned()));
}

#[test]
fn changes_of_different_names_are_independent() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    make_durable(&disk, "b", b"2");
    disk.unlink("a").expect("the file is there");
    disk.unlink("b").expect("the file is there");
    assert_eq!(states_in_short(&disk), ["", "a=1", "a=1 b=2", "b=2"]);
}

#[test]
fn changes_of_one_name_keep_their_order() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    disk.rename("a", "b").expect("the name is free");
    disk.create("a").expect("the name is free again");
    // Never the new "a" alone: that would be the loss of a file by its rename.
    assert_eq!(states_in_short(&disk), ["a= b=1", "a=1", "b=1"]);
}

#[test]
fn a_file_renamed_twice_has_one_name() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    disk.rename("a", "b").expect("the name is free");
    disk.rename("b", "c").expect("the name is free");
    assert_eq!(states_in_short(&disk), ["a=1", "b=1", "c=1"]);
}

#[test]
fn a_sync_takes_the_earlier_changes_of_its_names_along() {
    let disk = SimDisk::new();
    disk.create_dir("d").expect("the name is free");
    disk.sync_dir("").expect("no fault is planned");
    make_durable(&disk, "a", b"1");
    disk.rename("a", "d/a").expect("the name is free");
    make_durable(&disk, "a", b"2");
    assert_eq!(states_in_short(&disk), ["a=2 d/a=1"]);
}

#[test]
fn a_rename_across_directories_is_durable_with_its_new_name() {
    let disk = SimDisk::new();
    disk.create_dir("d").expect("the name is free");
    make_durable(&disk, "a", b"1");
    disk.rename("a", "d/a").expect("the name is free");
    disk.sync_dir("").expect("no fault is planned");
    assert_eq!(states_in_short(&disk), ["a=1", "d/a=1"]);
    disk.sync_dir("d").expect("no fault is planned");
    assert_eq!(states_in_short(&disk), ["d/a=1"]);
}

#[test]
fn a_directory_that_is_lost_takes_its_files_along() {
    let disk = SimDisk::new();
    disk.create_dir("d").expect("the name is free");
    make_durable(&disk, "d/a", b"1");
    assert_eq!(disk.file("d/a"), None);
    assert_eq!(states_in_short(&disk), ["", "d/a=1"]);
    let crashed = disk.crash(&mut keep_none());
    assert_eq!(crashed.list("d").expect_err("it is lost").kind(), ErrorKind::NotFound);
    assert_eq!(crashed.paths(), Vec::<String>::new());
    disk.create("d/b").expect("the name is free");
    assert_eq!(states_in_short(&disk), ["", "d/a=1", "d/a=1 d/b="]);
    disk.unlink("d/b").expect("the file is there");
    disk.sync_dir("d").expect("no fault is planned");
    disk.sync_dir("").expect("no fault is planned");
    assert_eq!(disk.file("d/a"), Some(b"1".to_vec()));
    assert_eq!(states_in_short(&disk), ["d/a=1"]);
}

#[test]
fn an_unlinked_file_comes_back_until_its_directory_is_synced() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"1");
    disk.unlink("a").expect("the file is there");
    drop(file);
    assert_eq!(states_in_short(&disk), ["", "a=1"]);
    disk.sync_dir("").expect("no fault is planned");
    assert_eq!(states_in_short(&disk), [""]);
    assert!(disk.state().inodes.is_empty(), "what nothing leads to is forgotten");
}

#[test]
fn a_link_is_a_second_name_of_the_same_bytes() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"1");
    disk.link("a", "b").expect("the name is free");
    assert_eq!(file.link_count().expect("the file is open"), 2);
    write(&*file, 0, b"2").expect("there is space");
    assert_eq!(read(&disk, "b"), b"2");
    file.sync_data().expect("no fault is planned");
    assert_eq!(states_in_short(&disk), ["a=2", "a=2 b=2"]);
}

#[test]
fn the_enumeration_stops_at_its_limit_and_says_so() {
    let disk = SimDisk::new();
    for path in ["a", "b", "c"] {
        disk.create(path).expect("the file is new");
    }
    let mut crashes = disk.every_crash(5);
    assert_eq!(crashes.by_ref().count(), 5);
    assert!(!crashes.is_complete());
    let mut crashes = disk.every_crash(8);
    assert_eq!(crashes.by_ref().count(), 8);
    assert!(crashes.is_complete());
}
