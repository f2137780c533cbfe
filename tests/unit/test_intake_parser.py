"""inmsg.txt's parser: documents, garbage and cuts in any mix, nothing lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node import json_scan
from node.intake_parser import LARGEST_ELEMENT, Element, Garbage, Position, parse

Item = Element | Garbage


def run(data: bytes, at: Position = Position(), *, final: bool = True) -> list[Item]:  # noqa: B008
    return list(parse(lambda offset, size: data[offset : offset + size], at, final=final))


def values(items: list[Item]) -> list[object]:
    return [item.value for item in items if isinstance(item, Element)]


def garbage(data: bytes, items: list[Item]) -> list[bytes]:
    return [data[item.start : item.end] for item in items if isinstance(item, Garbage)]


def message(n: int) -> dict[str, object]:
    return {"toNode": "ship1", "data": [f'{n} [x] {{y}} "quoted" \\ \n'], "method": "M"}


def test_arrays_and_single_objects_follow_each_other_with_and_without_space() -> None:
    data = b'[{"toNode":"a"},{"toNode":"b"}]{"toNode":"c"}\n\n  {"toNode":"d"} [] [\n]'
    items = run(data)
    assert [v["toNode"] for v in values(items) if isinstance(v, dict)] == ["a", "b", "c", "d"]
    assert garbage(data, items) == []


def test_elements_of_an_array_are_judged_one_by_one() -> None:
    items = run(b'[{"toNode":"a"}, 5, null, [1], "x", {"toNode":"b"}]')
    assert values(items) == [{"toNode": "a"}, 5, None, [1], "x", {"toNode": "b"}]


def test_an_element_that_is_not_utf8_costs_only_itself() -> None:
    data = b'[{"toNode":"a"},\n{"toNode":"\xff"},{"toNode":"b"}]'
    items = run(data)
    assert values(items) == [{"toNode": "a"}, {"toNode": "b"}]
    assert garbage(data, items) == [b'{"toNode":"\xff"}']
    assert items[1].line == 2


def test_an_element_that_is_too_large_costs_only_itself() -> None:
    large = b'{"toNode":"' + b"x" * LARGEST_ELEMENT + b'"}'
    data = b'[{"toNode":"a"},' + large + b',{"toNode":"b"}]'
    items = run(data)
    assert values(items) == [{"toNode": "a"}, {"toNode": "b"}]
    assert garbage(data, items) == [large]


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        (b"hello", "neither an array nor an object"),
        (b'[{"toNode":"a', "not finished"),
        (b'[{"toNode":"a"}', "not finished"),
        (b'[{"toNode":"a"},]', "expected a value, found"),
        (b'{"toNode" "a"}', "expected ':'"),
        (b'[{"toNode":"a\n"}]', "line 1: a string that is not closed"),
        (b'["\\x"]', "wrong escape"),
        (b"[" * 17 + b"]" * 17, "nested deeper"),
        (b"[01]", "found '0'"),
        (b"[\xc3\xa4secret]", "found 'ä'"),
        (b"[\n\n{]", "line 3: expected a key or '}', found ']'"),
        (b"[" + b"1" * 2000 + b"]", "a word without end"),
        (b"\x00\xff", "neither"),
    ],
)
def test_garbage_has_its_reason(junk: bytes, reason: str) -> None:
    (item,) = run(junk)
    assert isinstance(item, Garbage)
    assert reason in item.reason
    assert (item.start, item.end, item.line) == (0, len(junk), 1)


def test_after_garbage_it_goes_on_at_a_document_of_messages() -> None:
    data = b'oops [1,2] [] {"toNode":"no"} x [{"toNode":"a"}]\n} \n{"toNode":"b"}\n]'
    items = run(data)
    assert values(items) == [{"toNode": "a"}, {"toNode": "b"}]
    assert garbage(data, items) == [data[: data.index(b"[{")], b"} \n", b"]"]
    assert [item.line for item in items] == [1, 1, 2, 3, 4]


def test_a_half_written_array_does_not_swallow_what_follows() -> None:
    data = b'[{"toNode":"ship1","data":["a",\n[{"toNode":"a"}]\n[{"toNode":"b"}]'
    assert values(run(data)) == [{"toNode": "a"}, {"toNode": "b"}]


def test_a_byte_order_mark_before_any_document_is_no_garbage() -> None:
    items = run(b'\xef\xbb\xbf[{"toNode":"a"}]\r\n\xef\xbb\xbf{"toNode":"b"}')
    assert values(items) == [{"toNode": "a"}, {"toNode": "b"}]


def test_a_file_that_grows_is_read_up_to_its_last_whole_document() -> None:
    data = b'[{"toNode":"a"}] [{"toNode":"b"'
    items = run(data, final=False)
    assert values(items) == [{"toNode": "a"}]
    assert garbage(data, items) == []


def test_an_array_much_larger_than_what_is_read_at_once() -> None:
    many = [message(n) for n in range(6000)]
    data = json.dumps(many, indent=1).encode()
    assert len(data) > 2 * json_scan._CHUNK
    items = run(data)
    assert values(items) == many
    assert [item.line for item in items][:3] == [2, 9, 16]
    (half,) = (items[2999].after,)
    assert values(run(data, half)) == many[3000:]


documents = st.one_of(
    st.lists(st.integers(0, 99).map(message), min_size=1, max_size=3),
    st.integers(0, 99).map(message),
)
encoded = st.builds(
    lambda d, i: json.dumps(d, indent=i).encode(), documents, st.sampled_from([0, None])
)
blank = st.sampled_from([b"", b"\n", b" \r\n\t"])
junk = st.one_of(
    st.binary(max_size=12),
    st.text(alphabet='[]{}",:\\ \n1tx', max_size=12).map(str.encode),
    st.builds(lambda d, n: d[: n % len(d)], encoded, st.integers(0, 500)),
)
files = st.lists(st.one_of(encoded, encoded, blank, junk), max_size=8).map(b"".join)


@given(files)
def test_every_byte_is_in_an_element_or_garbage_or_between_them(data: bytes) -> None:
    end = 0
    for item in run(data):
        assert item.start >= end
        assert set(data[end : item.start]) <= set(b" \t\r\n,[]\xef\xbb\xbf")
        assert item.line == 1 + data.count(b"\n", 0, item.start)
        end = item.end
    assert set(data[end:]) <= set(b" \t\r\n]\xef\xbb\xbf[")


@given(st.lists(st.tuples(documents, st.sampled_from([None, 0])), max_size=6), blank)
def test_whole_documents_all_arrive(docs: list[tuple[object, int | None]], space: bytes) -> None:
    data = space.join(json.dumps(d, indent=i).encode() for d, i in docs)
    expected: list[object] = []
    for document, _ in docs:
        expected.extend(document if isinstance(document, list) else [document])
    items = run(data)
    assert values(items) == expected
    assert len(items) == len(expected)


@given(st.lists(junk.filter(lambda j: b"[" not in j and b"{" not in j), max_size=4))
def test_no_garbage_hides_an_array_on_a_line_of_its_own(pieces: list[bytes]) -> None:
    data, expected = b"", []
    for n, piece in enumerate(pieces):
        data += piece + b"\n" + json.dumps([message(n)]).encode() + b"\n"
        expected.append(message(n))
    assert values(run(data)) == expected


@given(files, st.integers(0, 100))
def test_going_on_from_any_position_gives_the_same_rest(data: bytes, n: int) -> None:
    items = run(data)
    for k, item in enumerate(items[: n + 1]):
        assert run(data, item.after) == items[k + 1 :]


@given(files, st.integers(0, 2000))
def test_what_is_found_in_a_growing_file_stays_true(data: bytes, cut: int) -> None:
    early = run(data[: cut % (len(data) + 1)], final=False)
    whole = run(data)
    assert [(i.start, i.end) for i in early] == [(i.start, i.end) for i in whole[: len(early)]]
    assert values(early) == values(whole[: len(early)])


@given(files, st.sampled_from([1, 2, 3, 7, 64]))
@example(b"\xef\xbb\xbf", 1)
def test_the_result_does_not_depend_on_the_sizes_read(data: bytes, chunk: int) -> None:
    def read(offset: int, size: int) -> bytes:
        return data[offset : offset + min(size, chunk)]

    assert list(parse(read, Position(), final=True)) == run(data)
