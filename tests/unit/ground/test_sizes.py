import pytest

from nodes.sizes import BadSize, Size, parse_size


@pytest.mark.parametrize("text", ["1792x1024", " 1792 X 1024 ", "1792×1024"])
def test_a_size_is_width_x_height(text):
    assert parse_size(text) == Size(1792, 1024)
    assert str(parse_size(text)) == "1792x1024"


@pytest.mark.parametrize("text", ["", "1024", "0x1024", "1024x", "-1x5", "99999x1", "1024x1024x3", "auto"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(BadSize, match="1024x1024"):
        parse_size(text)
