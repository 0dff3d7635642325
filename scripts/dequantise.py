"""Rewrites a model: products of matrices and convolutions of 8-bit whole numbers become the same products of floating-point
numbers. dequantise.py MODEL RESULT. The weights stay 8 bits in the file and are turned when it is loaded.

Processors without VNNI cannot add such products without an overflow, which is heard; and nothing is rounded on the way any
more. An operator of ONNX Runtime's own, FusedMatMul, becomes the standard's Einsum, and the angle of a wave that is silent
is 0 instead of no number."""

import sys

import onnx
from onnx import helper

# Far below all that is heard.
SILENCE = 1e-12


class Graph:
    def __init__(self, graph):
        self.graph = graph
        self.constants = {constant.name for constant in graph.initializer}
        self.makers = {output: node for node in graph.node for output in node.output}
        self.turned = set()
        self.readers = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def reader(self, node, kind):
        """The one node that reads what `node` makes."""
        (reader,) = self.readers[node.output[0]]
        assert reader.op_type == kind, (reader.op_type, kind)
        return reader

    def other(self, node, name):
        """The other input of a node with two."""
        (other,) = [each for each in node.input if each != name]
        return other

    def bias(self, name):
        """The constant that a bias was computed from, by scaling and rounding."""
        while name not in self.constants:
            maker = self.makers[name]
            found = [each for each in maker.input if each in self.constants and each.endswith("bias")]
            name = found[0] if found else maker.input[0]
        return name

    def floating(self, name, zero, scales):
        """A whole-number input as it was before, or as it is behind the scale that it has among `scales`."""
        if name in self.constants:
            (scale,) = [each for each in scales if each in self.constants]
            result = name + "_floating"
            # Layers share their weights.
            if result in self.turned:
                return result, []
            self.turned.add(result)
            return result, [helper.make_node("DequantizeLinear", [name, scale, zero], [result], name=result)]
        maker = self.makers[name]
        assert maker.op_type == "DynamicQuantizeLinear", maker.op_type
        return maker.input[0], []

    def product(self, node):
        """The nodes that take the place of one product of whole numbers."""
        whole, bias = node, []
        if self.readers[node.output[0]][0].op_type == "Add":
            whole = self.reader(node, "Add")
            bias = [self.bias(self.other(whole, node.output[0]))]
        cast = self.reader(whole, "Cast")
        scaled = self.reader(cast, "Mul")
        scales = self.makers[self.other(scaled, cast.output[0])].input
        one, made = self.floating(node.input[0], node.input[2], scales)
        other, more = self.floating(node.input[1], node.input[3], scales)
        kind = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}[node.op_type]
        result = helper.make_node(kind, [one, other, *bias], scaled.output, name=node.name)
        result.attribute.extend(node.attribute)
        return scaled, [*made, *more, result]


def dequantise(graph):
    known = Graph(graph)
    replaced = {}
    for node in graph.node:
        if node.op_type in ("ConvInteger", "MatMulInteger"):
            last, nodes = known.product(node)
            replaced[last.name] = nodes
        elif node.op_type == "FusedMatMul":
            assert [each.i for each in node.attribute if each.name.startswith("trans")].count(1) == 1
            einsum = helper.make_node("Einsum", node.input, node.output, name=node.name, equation="abc,bd->acd")
            replaced[node.name] = [einsum]
        elif node.op_type == "Atan":
            slope = known.makers[node.input[0]]
            above, below = slope.input
            heard = below + "_heard"
            replaced[slope.name] = [
                helper.make_node("Add", [below, "silence"], [heard], name=heard),
                helper.make_node("Div", [above, heard], slope.output, name=slope.name),
            ]
            graph.initializer.append(helper.make_tensor("silence", onnx.TensorProto.FLOAT, [], [SILENCE]))
    nodes = [new for node in graph.node for new in replaced.get(node.name, [node])]
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    constants = [constant for constant in graph.initializer if constant.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)


model = onnx.load(sys.argv[1])
dequantise(model.graph)
with open(sys.argv[2], "wb") as file:
    file.write(model.SerializeToString(deterministic=True))
