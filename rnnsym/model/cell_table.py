"""The table of built-in cells: texts of equations, where each was published, what is recommended with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Entry:
    """One built-in cell: its text, a title of one line, its source, and the readout recommended for it.

    ``initialisation`` names the scheme for its weights that its source asks for, where it asks for one.
    """

    name: str
    title: str
    source: str
    text: str
    readout: str
    initialisation: str | None = None


GRU_SOURCE = "Cho et al. 2014, Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078"
GRU_GATES = """
        r = sigmoid(x @ W_xr + h_prev @ W_hr + b_r)
        z = sigmoid(x @ W_xz + h_prev @ W_hz + b_z)"""
READOUT = "yhat = sigmoid(h @ W_y + b_y)"

_entries = (
    Entry(
        "simple",
        "Simple recurrent network (Elman)",
        "Elman 1990, Finding structure in time, Cognitive Science 14, 179-211",
        "o = tanh(x @ W_i + o_prev @ W_h + b)",
        "yhat = sigmoid(o @ W_o + b_o)",
    ),
    Entry(
        "simple_relu",
        "Simple recurrent network of rectified linear units",
        "Elman 1990, Cognitive Science 14, 179-211; "
        "the unit of Nair, Hinton 2010, Rectified linear units improve restricted Boltzmann machines, ICML",
        "o = relu(x @ W_i + o_prev @ W_h + b)",
        "yhat = sigmoid(o @ W_o + b_o)",
    ),
    Entry(
        "simple_leaky_relu",
        "Simple recurrent network of leaky rectified linear units",
        "Elman 1990, Cognitive Science 14, 179-211; the unit of Maas, Hannun, Ng 2013, Rectifier nonlinearities "
        "improve neural network acoustic models, ICML workshop",
        "o = leaky_relu(x @ W_i + o_prev @ W_h + b)",
        "yhat = sigmoid(o @ W_o + b_o)",
    ),
    Entry(
        "irnn",
        "Rectified linear units that start from the identity",
        "Le, Jaitly, Hinton 2015, A simple way to initialize recurrent networks of rectified linear units, "
        "arXiv:1504.00941",
        "h = relu(x @ W_x + h_prev @ W_h + b)",
        READOUT,
        initialisation="identity",
    ),
    Entry(
        "lstm",
        "Long short-term memory with a forget gate",
        "Hochreiter, Schmidhuber 1997, Neural Computation 9(8), 1735-1780; "
        "Gers, Schmidhuber, Cummins 2000, Neural Computation 12(10), 2451-2471",
        """
        i = sigmoid(x @ W_xi + h_prev @ W_hi + b_i)
        f = sigmoid(x @ W_xf + h_prev @ W_hf + b_f)
        g = tanh(x @ W_xg + h_prev @ W_hg + b_g)
        o = sigmoid(x @ W_xo + h_prev @ W_ho + b_o)
        c = f * c_prev + i * g
        h = o * tanh(c)
        """,
        READOUT,
    ),
    Entry(
        "lstm_peephole",
        "Long short-term memory with peephole connections",
        "Gers, Schraudolph, Schmidhuber 2002, Learning precise timing with LSTM recurrent networks, "
        "JMLR 3, 115-143; in the form of Graves 2013, arXiv:1308.0850, eqs. (7)-(11)",
        """
        i = sigmoid(x @ W_xi + h_prev @ W_hi + w_ci * c_prev + b_i)
        f = sigmoid(x @ W_xf + h_prev @ W_hf + w_cf * c_prev + b_f)
        c = f * c_prev + i * tanh(x @ W_xc + h_prev @ W_hc + b_c)
        o = sigmoid(x @ W_xo + h_prev @ W_ho + w_co * c + b_o)
        h = o * tanh(c)
        """,
        READOUT,
    ),
    Entry(
        "lstm_coupled",
        "Long short-term memory with coupled input and forget gates",
        "Greff, Srivastava, Koutnik, Steunebrink, Schmidhuber 2017, LSTM: a search space odyssey, IEEE TNNLS 28(10), "
        "2222-2232, variant CIFG; here without peepholes",
        """
        f = sigmoid(x @ W_xf + h_prev @ W_hf + b_f)
        g = tanh(x @ W_xg + h_prev @ W_hg + b_g)
        o = sigmoid(x @ W_xo + h_prev @ W_ho + b_o)
        c = f * c_prev + (1 - f) * g
        h = o * tanh(c)
        """,
        READOUT,
    ),
    Entry(
        "gru",
        "Gated recurrent unit, reset after the product",
        f"{GRU_SOURCE}; the reset gate after the product as in cuDNN and PyTorch",
        f"""{GRU_GATES}
        n = tanh(x @ W_xn + b_xn + r * (h_prev @ W_hn + b_hn))
        h = (1 - z) * n + z * h_prev
        """,
        READOUT,
    ),
    Entry(
        "gru_reset_before",
        "Gated recurrent unit, reset before the product",
        f"{GRU_SOURCE}, eqs. (5)-(8), with biases",
        f"""{GRU_GATES}
        n = tanh(x @ W_xn + (r * h_prev) @ W_hn + b_n)
        h = (1 - z) * n + z * h_prev
        """,
        READOUT,
    ),
    Entry(
        "mgu",
        "Minimal gated unit",
        "Zhou, Wu, Zhang, Zhou 2016, Minimal gated unit for recurrent neural networks, arXiv:1603.09420",
        """
        f = sigmoid(x @ W_xf + h_prev @ W_hf + b_f)
        n = tanh(x @ W_xn + (f * h_prev) @ W_hn + b_n)
        h = (1 - f) * h_prev + f * n
        """,
        READOUT,
    ),
    Entry(
        "janet",
        "Long short-term memory of a forget gate only (JANET)",
        "van der Westhuizen, Lasenby 2018, The unreasonable effectiveness of the forget gate, arXiv:1804.04849",
        """
        f = sigmoid(x @ W_xf + h_prev @ W_hf + b_f)
        h = f * h_prev + (1 - f) * tanh(x @ W_xc + h_prev @ W_hc + b_c)
        """,
        READOUT,
    ),
    Entry(
        "indrnn",
        "Independently recurrent units",
        "Li, Li, Cook, Zhu, Gao 2018, Independently recurrent neural network (IndRNN), CVPR, arXiv:1803.04831",
        "h = relu(x @ W_x + u * h_prev + b)",
        READOUT,
    ),
    Entry(
        "antisymmetric_rnn",
        "Recurrence through an antisymmetric matrix with diffusion",
        "Chang, Chen, Haber, Chi 2019, AntisymmetricRNN: a dynamical system view on recurrent neural networks, ICLR, "
        "arXiv:1902.09689; here with step 1/10 and diffusion 1/10",
        """
        epsilon = 0.1
        gamma = 0.1
        h = h_prev + epsilon * tanh(x @ W_x + h_prev @ (W_h - W_h.T - gamma * I) + b)
        """,
        READOUT,
    ),
    Entry(
        "linear_recurrence",
        "Gated diagonal linear recurrence (minGRU)",
        "Feng et al. 2024, Were RNNs all we needed?, arXiv:2410.01201; the linear form of Martin, Cundy 2018, "
        "Parallelizing linear recurrent neural nets over sequence length, arXiv:1709.04057",
        """
        z = sigmoid(x @ W_z + b_z)
        h = (1 - z) * h_prev + z * (x @ W_h + b_h)
        """,
        READOUT,
    ),
    Entry(
        "skip_rnn",
        "Simple recurrent network that learns to skip updates of its state",
        "Campos, Jou, Giro-i-Nieto, Torres, Chang 2018, Skip RNN: learning to skip state updates in recurrent neural "
        "networks, ICLR, arXiv:1708.06834; u_next is what the source calls the u with a tilde of the step to come",
        """
        u_next: scalar = 1
        w_p: (n,)
        b_p: scalar
        u = round(u_next_prev)
        s = u * tanh(x @ W_x + s_prev @ W_s + b) + (1 - u) * s_prev
        p = sigmoid(s @ w_p + b_p)
        u_next = u * p + (1 - u) * (u_next_prev + minimum(p, 1 - u_next_prev))
        """,
        "yhat = sigmoid(s @ W_y + b_y)",
    ),
    Entry(
        "skip_connection",
        "Simple recurrent network with a connection that skips four steps back",
        "Zhang, Wu, Che, Lin, Memisevic, Salakhutdinov, Bengio 2016, Architectural complexity measures of recurrent "
        "neural networks, NIPS, arXiv:1602.08210",
        "h = tanh(x @ W_x + h_prev @ W_h + h_prev[4] @ W_s + b)",
        READOUT,
    ),
)

entries: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _entries})
