import pytest

from beauty_mlflow.data.readers import list_pictures
from beauty_mlflow.errors import DataError


@pytest.fixture
def write_table(make_folder):
    """A function that writes a table beside the pictures a/000.png, a/001.png and b/000.png."""
    folder = make_folder({"a": 2, "b": 1})

    def write(text):
        path = folder / "table.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_columns_are_found_by_name_and_others_kept(write_table):
    listing = list_pictures(write_table('class,path,"shop id"\nA,a/000.png,7\n"B,b",./b//000.png,\n'))
    assert listing.table.to_dict("list") == {
        "class": ["A", "B,b"],
        "path": ["a/000.png", "b/000.png"],
        "shop id": ["7", ""],
        "part": ["", ""],
    }


def test_the_thesis_prefix_and_digits_are_dropped_where_every_class_has_them(write_table):
    listing = list_pictures(write_table("path,class\na/000.png,boxes_A_0001\nb/000.png,boxes_B_0002\n"))
    assert listing.table["class"].to_list() == ["A", "B"]
    assert listing.notes == ["All 2 classes are called boxes_<class>_<4 digits>; prefix and digits were dropped."]


def test_one_class_without_the_prefix_keeps_all_as_they_are(write_table):
    listing = list_pictures(write_table("path,class\na/000.png,boxes_A_0001\nb/000.png,B\n"))
    assert listing.table["class"].to_list() == ["boxes_A_0001", "B"]
    assert listing.notes == []


def test_a_text_that_is_no_table_is_not_called_one_separated_by_something_else(write_table):
    with pytest.raises(DataError, match=r"has no column 'path' but #!/bin/sh; .* the data is split, part.$"):
        list_pictures(write_table("#!/bin/sh\n\n\necho a, b, c\n"))


def test_a_byte_order_mark_and_crlf_are_read(write_table):
    listing = list_pictures(write_table(b"\xef\xbb\xbfpath,class\r\na/000.png,NA\r\n"))
    assert listing.table["class"].to_list() == ["NA"]


def test_parts_are_kept(write_table):
    listing = list_pictures(write_table("path,class,part\na/000.png,A,train\nb/000.png,B,validation\n"))
    assert listing.table["part"].to_list() == ["train", "val"]
    assert listing.is_split


def test_an_empty_part_column_means_not_split(write_table):
    assert not list_pictures(write_table("path,class,part\na/000.png,A,\nb/000.png,B,\n")).is_split


def test_pictures_that_are_not_there_are_rejected(write_table):
    listing = list_pictures(write_table("path,class\na/000.png,A\nb/9.png,B\na,A\n"))
    assert listing.rejected == [("b/9.png", "no such file or directory"), ("a", "a folder")]
    assert listing.lost == {"b/9.png": ("B", ""), "a": ("A", "")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected a CSV table"),
        ("pth,class\nx,A\n", "has no column 'path' but pth, class; .* Did you mean 'pth'"),
        ("#!/bin/sh\n\n\necho a, b, c\n", "is no table of pictures and no manifest: it has no column 'path'"),
        ("path,class\na/000.png,boxes_A_0001\na/001.png,boxes_A_0002\n", "would both become the class 'A'"),
        ("path;class\nx;A\n", "seems to be separated by something else than commas"),
        ("path,class\nx\n", r"row 1: 1 values for 2 columns \(path, class\)"),
        ("path,class,class\nx,A,B\n", "has the column 'class' twice"),
        ("path,class\na/000.png,A\n./a/000.png,A\n", r"lists 'a/000.png' twice \(1 duplicate rows\)"),
        ("path,class\n../x.png,A\n", "row 1: the path is '../x.png'; expected one relative"),
        ("path,class\n/etc/passwd,A\n", "row 1: the path is '/etc/passwd'"),
        ("path,class\n,A\n", "row 1: the path is ''"),
        ("path,class\na/000.png, \n", "row 1: the class is empty"),
        ("path,class,part\na/000.png,A,trian\n", "row 1: the part is 'trian'; .* Did you mean 'train'"),
        ("path,class,part\na/000.png,A,train\nb/000.png,B,\n", "row 2: the part is ''"),
        (b"\xff\xd8\xff\xe0 a picture", "is no table: it isn't UTF-8 text"),
        ('path,class\n"x', "is no table: unexpected end of data"),
    ],
)
def test_tables_that_do_not_fit_are_errors_with_the_place(write_table, text, message):
    with pytest.raises(DataError, match=message):
        list_pictures(write_table(text))
