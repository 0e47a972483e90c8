"""What the package declares for ctypes is what the headers declare."""

import ctypes
import enum
import inspect
import re
import subprocess

import vulkan_compute
from conftest import ROOT
from vulkan_compute import _declarations as declarations
from vulkan_compute import _library

HEADERS = "".join(path.read_text() for path in (ROOT / "include").glob("*.h"))
HEADER = re.sub(r"/\*.*?\*/", " ", HEADERS, flags=re.DOTALL)


def members(kind):
    return [
        value
        for _, value in inspect.getmembers(declarations, inspect.isclass)
        if issubclass(value, kind) and value.__module__ == declarations.__name__
    ]


ENUMS = members(enum.IntEnum)
STRUCTS = [each for each in members(ctypes.Structure) if not each.__name__.startswith("_")]


def test_values_and_layouts(tmp_path):
    """They are those that a C compiler makes of the header."""
    expressions = {}
    for each in ENUMS:
        words = re.sub(r"(?<!^)(?=[A-Z])", "_", each.__name__).upper()
        prefix = "VKC_" if each is declarations.Result else f"VKC_{words}_"
        for member in each:
            expressions[prefix + member.name] = member.value
    for each in STRUCTS:
        name = f"Vkc{each.__name__}"
        expressions[f"sizeof({name})"] = ctypes.sizeof(each)
        for field, _ in each._fields_:
            expressions[f"offsetof({name}, {field})"] = getattr(each, field).offset
            expressions[f"sizeof((({name}*)0)->{field})"] = getattr(each, field).size
    assert len(ENUMS) >= 4 and len(STRUCTS) >= 7 and len(expressions) >= 100

    prints = "".join(f'  printf("%lld\\n", (long long)({each}));\n' for each in expressions)
    (tmp_path / "program.c").write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <vulkan_compute.h>\n"
        f"int main(void) {{\n{prints}}}\n"
    )
    subprocess.run(
        ["cc", "-std=c99", "-I", ROOT / "include", "program.c", "-o", "program"], cwd=tmp_path, check=True
    )
    printed = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True).stdout
    assert dict(zip(expressions, map(int, printed.split()))) == expressions


def test_nothing_is_left_out():
    """Members of enums and structs are all there, in their order."""
    for each in ENUMS:
        body = re.search(rf"typedef enum \w+ {{([^}}]*)}} Vkc{each.__name__};", HEADER)[1]
        assert len(re.findall(r"VKC_\w+", body)) == len(each)
    for each in STRUCTS:
        body = re.search(rf"typedef struct \w+ {{([^}}]*)}} Vkc{each.__name__};", HEADER)[1]
        assert re.findall(r"(\w+)(?:\[\d+\])?;", body) == [name for name, _ in each._fields_]


def c_type(each):
    """A ctypes type in the header's words; an array and a context have no other type than void*."""
    if each is None:
        return "void"
    if each is ctypes.c_void_p:
        return "pointer"
    if each is declarations.ProgressFunction:
        return "VkcProgressFunction"
    if each is ctypes.c_char_p:
        return "const char*"
    if each is ctypes.c_int:
        return "VkcResult"
    if issubclass(each, ctypes.Structure):
        return f"Vkc{each.__name__}"
    if each is ctypes.POINTER(ctypes.c_void_p):
        return "VkComputeContext**"
    if issubclass(each, ctypes._Pointer):
        return c_type(each._type_) + "*"
    return {ctypes.c_uint32: "uint32_t", ctypes.c_uint64: "uint64_t", ctypes.c_float: "float"}[each]


def test_functions():
    prototypes = {
        name: (result, parameters)
        for result, name, parameters in re.findall(
            r"VKC_API ([\w\s*]+?)\s*\b(vkc_\w+)\(([^)]*)\);", HEADER
        )
    }
    assert len(declarations.FUNCTIONS) >= 15
    for name, (result, *parameters) in declarations.FUNCTIONS.items():
        header_result, header_parameters = prototypes[name]
        assert header_result == c_type(result), name
        of_header = [] if header_parameters == "void" else re.split(r"\s*,\s*", header_parameters)
        assert len(of_header) == len(parameters), name
        for of_header, ours in zip(of_header, parameters):
            kind = re.match(r"(?:const )?(.*?)\s*\b\w+$", of_header)[1].replace(" *", "*")
            if ours is ctypes.c_void_p:
                assert kind in ("float*", "uint32_t*", "VkComputeContext*", "void*"), (name, of_header)
            else:
                assert kind == c_type(ours), (name, of_header)


def test_versions():
    numbers = {
        part: int(re.search(rf"VKC_VERSION_{part} (\d+)", HEADER)[1]) for part in ("MAJOR", "MINOR", "PATCH")
    }
    assert declarations.VERSION_MAJOR == numbers["MAJOR"]
    assert declarations.VERSION_MINOR == numbers["MINOR"]
    project = (ROOT / "python" / "pyproject.toml").read_text()
    version = ".".join(map(str, numbers.values()))
    assert re.search(r'^version = "(.*)"$', project, re.MULTILINE)[1] == version
    assert vulkan_compute.version() == version
    assert vulkan_compute.definition_version() == int(
        re.search(r"VKC_DEFINITION_VERSION (\d+)", HEADER)[1]
    )
    assert _library.load() is _library.load()
